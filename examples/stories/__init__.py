"""The told sessions by name."""

from examples.stories import complex_story, failed_story, simple_story
from examples.stories.telling import Story

STORIES: dict[str, Story] = {
    story.name: story for story in (simple_story.STORY, complex_story.STORY, failed_story.STORY)
}
