"""The recipes of the cookbook are numbered, explained and whole, and the page has all of them."""

from __future__ import annotations

import re

import pytest

from tests.support.cookbook import AGAIN, FOLDER, PAGE, Recipe, recipes
from tests.support.cookbook_snippets import snippets

RECIPES = recipes()
NAMED = re.compile(r"\{(\w+):\w+")


def test_recipes_are_numbered_one_by_one() -> None:
    numbers = [int(one.path.name.partition("-")[0]) for one in RECIPES]
    assert numbers == list(range(1, len(RECIPES) + 1))
    assert len(RECIPES) >= 25


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.path.stem)
def test_a_recipe_asks_a_question_of_public_views_and_says_what_to_look_at(recipe: Recipe) -> None:
    assert recipe.title.endswith("?")
    assert recipe.advice.endswith((".", ")."))
    assert recipe.views
    assert set(NAMED.findall(recipe.statement)) == set(recipe.parameters)
    assert "ORDER BY" in recipe.statement, "without an order its answer may come in another one"


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.path.stem)
def test_the_page_has_it_as_it_is(recipe: Recipe) -> None:
    assert f"{recipe.title}\n\n{recipe.advice}\n\n```sql\n{recipe.statement}\n```" in PAGE.read_text(), AGAIN


def test_the_page_has_the_written_parts_as_they_are() -> None:
    text = PAGE.read_text()
    assert all((FOLDER / name).read_text().strip() in text for name in ("head.md", "tail.md")), AGAIN
    assert [one.kind for one in snippets()] == ["sh", "python", "python"]
