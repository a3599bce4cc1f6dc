"""The notebook asks the cookbook's questions by their numbers and titles, and holds nothing of who ran it."""

from __future__ import annotations

import re

import nbformat
import pytest

from tests.support.cookbook import recipes
from tests.support.notebook import NOTEBOOK, stored

HEADINGS = [cell.source.splitlines()[0] for cell in stored().cells if cell.source.startswith("## ")]
CODE = "\n".join(cell.source for cell in stored().cells if cell.cell_type == "code")
TITLES = {number: recipe.title for number, recipe in enumerate(recipes(), 1)}


@pytest.mark.parametrize("heading", HEADINGS)
def test_a_heading_is_a_question_of_the_cookbook_that_is_asked(heading: str) -> None:
    number, _, title = heading.removeprefix("## ").partition(". ")
    assert title == TITLES[int(number)]
    assert re.search(rf"\bask\({number}\b", CODE)


def test_there_are_many_questions_and_they_give_their_parameters() -> None:
    assert len(HEADINGS) >= 10
    for number, given in re.findall(r"\bask\((\d+)([^)]*)\)", CODE):
        assert set(re.findall(r"(\w+)=", given)) == set(recipes()[int(number) - 1].parameters)


def test_it_is_valid_and_has_ids_that_stay() -> None:
    nbformat.validate(stored())
    assert [cell.id for cell in stored().cells] == [f"cell-{number}" for number in range(len(stored().cells))]


def test_it_is_small_and_tells_nothing_of_a_machine() -> None:
    text = NOTEBOOK.read_text()
    assert len(text) < 300_000
    assert not re.search(r"/(home|root|work|tmp|Users)/|Traceback|0x[0-9a-f]{8}", text)
    assert all(cell.get("execution_count") is None for cell in stored().cells)
    assert not [
        output for cell in stored().cells for output in cell.get("outputs", ()) if output.get("name") == "stderr"
    ]
