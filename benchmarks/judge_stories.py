"""The example stories as the heuristic judge grades them, each grade with the words that it rests on, in Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from examples.stories import STORIES
from judge.scoring import overall_milli
from pipeline.label_facts import lines_of
from schemas.records import Grade
from tests.support.judging import graded, recorded

STARTED_AT_S = 1_700_000_000.0
QUICK = "quick fix"
BARE = ("file_edit", "commit")
OUTCOMES = {"simple": "fixed, verified", "complex": "fixed, verified", "failed": "not fixed", QUICK: "fixed, verified"}
"""What the sandbox says of the stories; the slow suite holds it to that (docs/evidence.md)."""
SHOWN_CHARACTERS, SHOWN_EVENTS = 110, 6
Document = Mapping[str, Any]
Grades = Mapping[str, Grade]


def stories() -> str:
    """The examples and a quick fix side by side, then each example's grades with what they rest on."""
    documents = told()
    grades = {name: graded(document) for name, document in documents.items()}
    overall = {name: overall_milli(given.values()) or 0 for name, given in grades.items()}
    parts = [
        "## The three examples side by side, and a quick fix",
        f"The {QUICK} is the simple example with only its edit and its commit: the same change, the same verdict.",
        _side_by_side(documents, grades, overall),
        _failed_beside(grades, overall),
    ]
    for name in STORIES:
        parts.append(f"### {name}: {documents[name]['task']['title']}")
        parts += [_explained(grade, documents[name]) for grade in grades[name].values()]
    return "\n\n".join(parts) + "\n"


def told() -> dict[str, Document]:
    """The documents of the stories and of the quick fix, by name."""
    documents: dict[str, Document] = {name: recorded(story.session(STARTED_AT_S)) for name, story in STORIES.items()}
    bare = [event for event in documents["simple"]["events"] if event["type"] in BARE]
    documents[QUICK] = {**documents["simple"], "events": [{**event, "seq": seq} for seq, event in enumerate(bare)]}
    return documents


def _side_by_side(documents: Mapping[str, Document], grades: Mapping[str, Grades], overall: Mapping[str, int]) -> str:
    rows = [(f"`{one}`", *(str(given[one].grade) for given in grades.values())) for one in grades["simple"]]
    rows.append(("**overall**", *(f"**{score / 1000:.2f}**" for score in overall.values())))
    rows.append(("sandbox", *(OUTCOMES[name] for name in documents)))
    return table(("criterion", *(f"{name} ({len(one['events'])} events)" for name, one in documents.items())), rows)


def _failed_beside(grades: Mapping[str, Grades], overall: Mapping[str, int]) -> str:
    """How the failed attempt stands to the others on process, as measured."""
    others = [name for name in overall if name != "failed"]
    ahead = [name for name in others if overall["failed"] > overall[name]]
    behind = [name for name in others if overall["failed"] < overall[name]]
    compared = [_beside(name, grades["failed"], grades[name]) for name in others]
    return (
        f"The failed attempt did not fix its bug and has {overall['failed'] / 1000:.2f}: a session that ends badly is"
        f" not graded badly for it.\nIt outscores: {_names(ahead)}. It is outscored by: {_names(behind)}.\n"
        + "\n".join(compared)
        + "\nNothing that a test said moves a grade; metamorphic tests hold the judge to that."
    )


def _beside(name: str, failed: Grades, other: Grades) -> str:
    better = [f"`{one}`" for one in failed if (failed[one].grade or 0) > (other[one].grade or 0)]
    worse = [f"`{one}`" for one in failed if (failed[one].grade or 0) < (other[one].grade or 0)]
    return f"Beside {name} it is better in {_names(better)}, worse in {_names(worse)}."


def _names(names: Sequence[str]) -> str:
    return ", ".join(names) or "nothing"


def _explained(grade: Grade, document: Document) -> str:
    """A grade, its reasons, and the events that it cites in their own words."""
    lines = dict(zip((event["seq"] for event in document["events"]), lines_of(document["events"]), strict=True))
    shown = [_quoted(lines[seq]) for seq in grade.cited_seqs[:SHOWN_EVENTS]]
    if more := grade.cited_seqs[SHOWN_EVENTS:]:
        shown.append(f"and {', '.join(f'#{seq}' for seq in more)}")
    return "\n".join(
        [f"**`{grade.criterion}` {grade.grade}**: {grade.rationale}", "", *(f"- {line}" for line in shown)]
    )


def _quoted(line: str) -> str:
    cut = line if len(line) <= SHOWN_CHARACTERS else f"{line[:SHOWN_CHARACTERS].rstrip()} ..."
    return f"`` {cut} ``"


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A table in Markdown."""
    heading = tuple(head)
    lines = [heading, tuple("---" for _ in heading), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
