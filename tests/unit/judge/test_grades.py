"""Rubric 1.0's grades of known sessions stay what they are, to the cited event, however the code is made faster.

A change of a ladder changes `grades-1.0.json` in the same commit: python -m tests.unit.judge.test_grades
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from clients.importers import import_session
from examples.stories import STORIES
from tests.support.data import REAL_SESSIONS, SHARED_DATA
from tests.support.judging import careful_session, graded, recorded

FILE = Path(__file__).with_name("grades-1.0.json")
EXPECTED: dict[str, dict[str, Any]] = json.loads(FILE.read_text())


def known() -> Iterator[tuple[str, dict[str, Any]]]:
    """The careful session, the told ones, and the real ones that are present."""
    yield "careful", careful_session()
    yield from ((name, recorded(story.session(1.7e9))) for name, story in STORIES.items())
    shared = sorted((SHARED_DATA / "trajectories" / "mini-swe-agent").glob("*.traj.json.gz"))
    for path in {path.name: path for path in (*shared, *REAL_SESSIONS)}.values():
        yield path.name.split(".")[0], recorded(import_session("mini-swe-agent", path.read_bytes()))


def found(doc: dict[str, Any]) -> dict[str, Any]:
    return {name: [grade.grade, list(grade.cited_seqs)] for name, grade in graded(doc).items()}


@pytest.mark.parametrize("name", EXPECTED)
def test_a_known_session_keeps_its_grades_and_citations(name: str, sessions: dict[str, dict[str, Any]]) -> None:
    if name not in sessions:
        pytest.skip(f"shared data absent: {name}")
    assert found(sessions[name]) == EXPECTED[name]


@pytest.fixture(scope="module")
def sessions() -> dict[str, dict[str, Any]]:
    return dict(known())


if __name__ == "__main__":
    rows = (f"{json.dumps(name)}: {json.dumps(found(doc), separators=(',', ':'))}" for name, doc in known())
    FILE.write_text("{\n" + ",\n".join(rows) + "\n}\n")
