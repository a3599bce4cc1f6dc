"""Rubrics for people and scripts: `python -m judge.rubrics_command list|show|check|diff ...`, one JSON document each.

What `pr-telemetry rubric` starts. Exit status: 0 done, 1 a rubric has faults (check) or the two differ (diff), 2 there
is no such rubric or it cannot be used; then standard error says why, in one line.
"""

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from judge.rubric import BadRubric, Rubric
from judge.rubric_advice import advice, by_form
from judge.rubric_diff import changes
from judge.rubric_files import NoRubric, Source, built_in, find, known
from judge.rubric_text import Fault, spelled
from pipeline.errors import BadSetting
from pipeline.settings import JudgeSettings, load

DIFFERS = FAULTY = 1
UNUSABLE = 2
Answer = tuple[Any, int]


def listed(folder: Path | None) -> Answer:
    """Every rubric that there is, usable or not."""
    return [_entry(source) for source in known(folder)], 0


def show(reference: str, folder: Path | None) -> Answer:
    """One rubric with all that it says."""
    source = find(reference, folder)
    rubric = _usable(source)
    return {**_entry(source), "rubric": rubric.content(), "text": source.text}, 0


def check(references: Sequence[str], folder: Path | None) -> Answer:
    """What is wrong with each, what to know of it, and what the heuristic judge can grade."""
    shipped = [source.rubric() for source in built_in()]
    answers = [_checked(reference, folder, shipped) for reference in references]
    return answers, FAULTY if any(answer["faults"] for answer in answers) else 0


def diff(first: str, second: str, folder: Path | None) -> Answer:
    """What makes the second of the first."""
    sources = find(first, folder), find(second, folder)
    a, b = (_usable(source) for source in sources)
    found = [asdict(change) for change in changes(a.content(), b.content())]
    ends = {name: _entry(source) for name, source in zip("ab", sources, strict=True)}
    return {**ends, "changes": found, "same": not found}, DIFFERS if found else 0


def _entry(source: Source) -> dict[str, Any]:
    place = {"name": source.name, "origin": source.origin, "path": source.path}
    try:
        rubric = source.rubric()
    except BadRubric as error:
        return {**place, "faults": [_told(fault) for fault in error.faults]}
    return {**place, "faults": [], **_identity(rubric), "heuristic": by_form(rubric)}


def _identity(rubric: Rubric) -> dict[str, Any]:
    return {
        "criteria": len(rubric.criteria),
        "digest": rubric.digest(),
        "id": rubric.id,
        "title": rubric.title,
        "version": rubric.version,
    }


def _checked(reference: str, folder: Path | None, shipped: Sequence[Rubric]) -> dict[str, Any]:
    try:
        source = find(reference, folder)
    except NoRubric as error:  # the others are checked all the same
        return {"name": reference, "faults": [_told(Fault((), str(error)))], "advice": []}
    entry = _entry(source)
    return {**entry, "advice": [] if entry["faults"] else advice(source.rubric(), shipped)}


def _told(fault: Fault) -> dict[str, Any]:
    return {**asdict(fault), "path": spelled(fault.path), "said": fault.problem if fault.line is None else str(fault)}


def _usable(source: Source) -> Rubric:
    try:
        return source.rubric()
    except BadRubric as error:
        raise NoRubric(f"{source.path}: {error}") from None


def _arguments(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="judge.rubrics_command")
    parser.add_argument("--dir", type=Path)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("list")
    commands.add_parser("show").add_argument("rubric")
    commands.add_parser("check").add_argument("rubric", nargs="+")
    two = commands.add_parser("diff")
    two.add_argument("a")
    two.add_argument("b")
    return parser.parse_args(arguments)


def answer(given: argparse.Namespace, folder: Path | None) -> Answer:
    """What a command has to say, and its exit status. Raises NoRubric."""
    commands: dict[str, Callable[[], Answer]] = {
        "list": lambda: listed(folder),
        "show": lambda: show(given.rubric, folder),
        "check": lambda: check(given.rubric, folder),
        "diff": lambda: diff(given.a, given.b, folder),
    }
    return commands[given.command]()


def main(arguments: Sequence[str]) -> int:
    """Answer one command on standard output; the exit status."""
    given = _arguments(arguments)
    try:
        document, status = answer(given, given.dir or load(JudgeSettings).rubrics_dir)
    except (NoRubric, BadSetting) as error:
        sys.stderr.write(f"{error}\n")
        return UNUSABLE
    sys.stdout.write(json.dumps(document, ensure_ascii=False) + "\n")
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
