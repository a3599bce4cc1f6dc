"""The told sessions are true: git applies each edit, commands print what is claimed, pytest agrees with each run."""

from collections import Counter
from hashlib import sha256
from pathlib import Path

import pytest

from clients.recorded import Session
from examples.stories import STORIES
from examples.stories.telling import after
from schemas.events import EVENT_ADAPTER
from tests.support.stories import apply_diff, checkout, real_outcomes, results_claimed, shell

STARTED_AT_S = 1_767_603_600.0
# What each story must be: events per chunk, files edited, test runs, commits, seconds, start commit.
SHAPES = {
    "simple": ([3, 4, 3], 1, 2, 1, 65.0, "b5b97051f0b2270e1a0c057636d23b1d5e71a840"),
    "complex": ([6, 6, 6, 6], 3, 4, 1, 230.0, "4f6d4fdbe599dfdd79254c8e745ed52368307c8a"),
    "failed": ([5, 6, 5], 2, 3, 0, 150.0, "16c1085c2fee7cfcf7fe2bec9c0d19ad1f54f5c4"),
}
TOLD = pytest.mark.parametrize("name", SHAPES)


@pytest.fixture(scope="module")
def sessions() -> dict[str, Session]:
    return {name: story.session(STARTED_AT_S) for name, story in STORIES.items()}


@TOLD
def test_story_has_the_promised_shape(name: str, sessions: dict[str, Session]) -> None:
    session = sessions[name]
    chunks, files, test_runs, commits, seconds, start_commit = SHAPES[name]
    kinds = Counter(event["type"] for event in session.events)
    times = [event["ts_client_s"] for event in session.events]
    assert [len(chunk) for chunk in session.chunks] == chunks
    assert len({event["file_path"] for event in session.events if event["type"] == "file_edit"}) == files
    assert (kinds["test_run"], kinds["commit"]) == (test_runs, commits)
    assert times[-1] - times[0] == pytest.approx(seconds)
    assert times == sorted(times)
    assert session.trace.start_commit == start_commit


@TOLD
def test_events_are_valid_and_causes_come_first(name: str, sessions: dict[str, Session]) -> None:
    known: set[str] = set()
    for seq, event in enumerate(sessions[name].events):
        assert EVENT_ADAPTER.validate_python(event).seq == seq
        assert set(event.get("caused_by", ())) <= known
        known.add(event["id"])


@TOLD
def test_every_edit_rests_on_a_note_and_is_followed_by_a_test_run(name: str, sessions: dict[str, Session]) -> None:
    events = {event["id"]: event for event in sessions[name].events}
    caused_by_edits = {
        cause for event in events.values() if event["type"] in {"test_run", "cmd_run"} for cause in event["caused_by"]
    }
    for event in events.values():
        if event["type"] == "file_edit":
            assert {events[cause]["type"] for cause in event["caused_by"]} == {"rationale_note"}
            assert event["id"] in caused_by_edits


@TOLD
def test_story_replays_in_a_real_checkout(name: str, sessions: dict[str, Session], tmp_path: Path) -> None:
    repo = checkout(sessions[name], tmp_path)
    for event in sessions[name].events:
        if event["type"] == "file_edit":
            apply_diff(repo, event["diff_unified"])
            now = (repo / event["file_path"]).read_bytes()
            assert event["buffer_hash_after"] == f"sha256:{sha256(now).hexdigest()}"
        elif event["type"] == "cmd_run":
            assert shell(repo, event["command"]) == (event["exit_code"], event["output"])
        elif event["type"] == "test_run":
            claimed = results_claimed(event)
            assert real_outcomes(repo, event["command"]) == claimed
            assert Counter(claimed.values()) == Counter(passed=event["passed"], failed=event["failed"])


@TOLD
def test_commit_holds_all_edits_on_top_of_the_start(name: str, sessions: dict[str, Session], tmp_path: Path) -> None:
    session = sessions[name]
    commits = [event for event in session.events if event["type"] == "commit"]
    edited, committed = checkout(session, tmp_path), None
    for event in session.events:
        if event["type"] == "file_edit":
            apply_diff(edited, event["diff_unified"])
    for commit in commits:
        (tmp_path / "other").mkdir()
        committed = checkout(session, tmp_path / "other")
        apply_diff(committed, commit["diff_unified"])
        assert commit["parents"] == [session.trace.start_commit]
        assert shell(committed, "git diff") == shell(edited, "git diff")
    assert bool(committed) == bool(SHAPES[name][3])


def test_an_edit_that_does_not_fit_its_file_is_refused() -> None:
    edit = STORIES["simple"].chunks[1][2]
    with pytest.raises(ValueError, match="has 0 times"):
        after({"shop/discounts.py": "fixed long ago\n"}, edit)
