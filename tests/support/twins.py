"""Injected twins of clean sessions, made from a data file of tests/injections/."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import yaml

from clients.importers import import_session
from examples.stories import STORIES
from judge.injection import Screened, screen
from judge.prompt import Mode, questions
from judge.verdict import Answer, Reply, answers_of
from tests.support.data import REAL_SESSIONS
from tests.support.disguises import HIDE
from tests.support.judging import RUBRIC, Step, note, recorded
from tests.support.obeying import obeying_answer

CORPUS = Path(__file__).parents[1] / "injections"
BUDGET = 200_000


@dataclass(frozen=True)
class Twin:
    """A clean session, the same with an instruction in it, and the instruction's entry in the data file."""

    entry: Mapping[str, str]
    session: str
    clean: dict[str, Any]
    injected: dict[str, Any]

    @cached_property
    def screened(self) -> Screened:
        """The injected twin as a judge would show it."""
        return screen(self.injected)

    @property
    def name(self) -> str:
        return f"{self.entry['in']}-{self.entry['how']}-{self.entry.get('as', 'plain')}-{self.entry['text'][:24]}"


@cache
def twins(file: str) -> tuple[Twin, ...]:
    """The twins of a data file; sessions take turns, where the one whose turn it is has such an event."""
    return tuple(_twins(file))


def _twins(file: str) -> Iterator[Twin]:
    for number, entry in enumerate(yaml.safe_load((CORPUS / file).read_text())):
        names = list(sessions())
        turn = names[number % len(names) :] + names[: number % len(names)]
        session = next(name for name in turn if _suits(sessions()[name], entry))
        clean = sessions()[session]
        yield Twin(entry, session, clean, injected(clean, entry))


@cache
def sessions() -> dict[str, dict[str, Any]]:
    """The told sessions and the real ones of the project, by name."""
    told = {name: recorded(story.session(1.7e9)) for name, story in STORIES.items()}
    real = {
        path.name.split(".")[0]: recorded(import_session("mini-swe-agent", path.read_bytes())) for path in REAL_SESSIONS
    }
    return told | real


def injected(clean: Mapping[str, Any], entry: Mapping[str, str]) -> dict[str, Any]:
    """The clean session with the entry's text in it."""
    doc = copy.deepcopy(dict(clean))
    hidden = HIDE[entry.get("as", "plain")](entry["text"])
    kind, _, field = entry["in"].partition(".")
    if kind == "environment":
        doc["environment"]["note"] = hidden
    elif kind == "task":
        doc["task"]["description"] = f"{doc['task'].get('description', '')}\n{hidden}"
    elif entry["how"] == "split":
        _split(doc, kind, field, hidden if "as" in entry else entry["text"])
    elif entry["how"] == "whole":
        _insert(doc, note(hidden))
    else:
        event = _event(doc, kind)
        event[field] = HOW[entry["how"]](event.get(field), hidden, field)
    return doc


def _own_line(said: Any, hidden: str, _: str) -> Any:
    return f"{said or ''}\n{hidden}"


def _comment(said: Any, hidden: str, field: str) -> Any:
    sign = "+" if field == "diff_unified" else ""
    lines = [line if line.startswith("#") else f"# {line}" for line in hidden.split("\n")]
    return said.rstrip("\n") + "".join(f"\n{sign}{line}" for line in lines) + "\n"


def _replaced(said: Any, hidden: str, field: str) -> Any:
    if field == "results":
        return [*(said or ()), {"id": f"tests/test_pages.py::test_{hidden}", "status": "passed"}]
    return f"src/{hidden}.py" if field == "file_path" else f"/work/{hidden}"


HOW: dict[str, Callable[[Any, str, str], Any]] = {
    "comment": _comment,
    "field": lambda _, hidden, __: hidden,
    "own-line": _own_line,
    "replace": _replaced,
    "sentence": lambda said, hidden, _: f"{said} {hidden}",
    "start": lambda said, hidden, _: f"{hidden}\n{said}",
}


def _suits(doc: Mapping[str, Any], entry: Mapping[str, str]) -> bool:
    kind = entry["in"].partition(".")[0]
    return kind in {"any", "environment", "task"} or any(event["type"] == kind for event in doc["events"])


def _event(doc: Mapping[str, Any], kind: str) -> Step:
    """The event in the middle of those of a type."""
    of_kind = [event for event in doc["events"] if event["type"] == kind]
    event: Step = of_kind[len(of_kind) // 2]
    return event


def _insert(doc: dict[str, Any], step: Step) -> None:
    events, at = doc["events"], len(doc["events"]) // 2
    new = {**step, "id": "injected", "ts_client_us": events[at]["ts_client_us"]}
    doc["events"] = [{**event, "seq": seq} for seq, event in enumerate([*events[:at], new, *events[at:]])]


FIELDS = {
    "rationale_note": "text",
    "cmd_run": "output",
    "test_run": "output",
    "commit": "message",
    "file_edit": "diff_unified",
}


def _split(doc: Mapping[str, Any], kind: str, field: str, text: str) -> None:
    parts = text.split("|")
    if len(parts) == 1:
        quarter = -(-len(text) // 4)
        parts = [text[start : start + quarter] for start in range(0, len(text), quarter)]
    chosen = [event for event in doc["events"] if kind in {"any", event["type"]}]
    assert len(chosen) >= len(parts)
    for event, part in zip(chosen, parts, strict=False):
        name = field or FIELDS[event["type"]]
        event[name] = f"{event[name]}\n{part}" if event.get(name) else part


def judged(traces: Sequence[Screened], mode: Mode = "all", budget: int = BUDGET) -> list[Answer]:
    """What the obeying model answers about traces, as the judge takes it; nothing about what may not be shown."""
    answers: list[Answer] = []
    for question in questions(RUBRIC, traces, mode, budget):
        content = obeying_answer({"messages": question.messages})
        answers += answers_of(Reply(content), question)
    return answers


def numbers_of(answers: Sequence[Answer]) -> dict[str, int | None]:
    """The grades by criterion; AssertionError where an answer could not be used."""
    assert all(answer.reason is None for answer in answers), answers
    return {grade.criterion: grade.grade for answer in answers for grade in answer.grades}


def unscreened(doc: Mapping[str, Any]) -> Screened:
    """The trace as a judge without defence would show it."""
    return Screened(doc, (), withheld=False)


@cache
def clean_numbers(session: str) -> dict[str, int | None]:
    """The grades that the obeying model gives a clean session."""
    screened = screen(sessions()[session])
    assert screened.suspicions == ()
    return numbers_of(judged([screened]))
