"""What an operator says of a task beforehand, in a file or on a command line. Pure.

A file is a JSON object with the fields of SWE-bench's instances, all of which may be left out: `FAIL_TO_PASS` and
`PASS_TO_PASS` (lists of test ids, or such a list as a JSON text, as the data set has it), `test_patch` (a diff),
`runner` and `tests` (what the runner is told to run), `cases` (objects with `name`, `argv` and, where it matters,
`stdin`, `stdout`, `exit_status`: what the program must answer), `black_box_tests` (an object of file names and texts:
tests for pytest that call the program by `from program import run`). Other fields are passed over: instances have many.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from sandbox.job import Case, Task
from sandbox.runners import RUNNERS

_PYTHON = ("python", "python3")
_FILE_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,99}")
_TEST_FILE = re.compile(r"test_.*\.py|.*_test\.py")
_RESERVED = "program.py"  # the module that calls the program


class BadTask(ValueError):
    """Not such a file, or not such a command; the text says where."""


def task_of(document: bytes) -> Task:
    """The task in a file. Raises BadTask."""
    try:
        fields = json.loads(document)
    except ValueError as error:
        raise BadTask(f"not JSON: {error}") from error
    if not isinstance(fields, dict):
        raise BadTask("not a JSON object")
    patch = _text(fields, "test_patch")
    return Task(
        fail_to_pass=_ids(fields, "FAIL_TO_PASS"),
        pass_to_pass=_ids(fields, "PASS_TO_PASS"),
        test_patch=patch.encode(errors="surrogateescape"),
        runner=_runner(_text(fields, "runner")) if fields.get("runner") else None,
        selection=_ids(fields, "tests"),
        cases=_cases(fields.get("cases", [])),
        black_box_tests=_files(fields.get("black_box_tests") or {}),
    )


def with_command(task: Task, command: str) -> Task:
    """The task with another runner and selection, as in `pytest tests/test_a.py` or `python -m unittest tests.test_a`.

    Raises BadTask for an unknown runner, and for options: how a runner is called is not the caller's to say.
    """
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise BadTask(f"{command}: {error}") from error
    if words[:1] and words[0] in _PYTHON and words[1:2] == ["-m"]:
        words = words[2:]
    if not words:
        raise BadTask(f"it names none of the runners: {', '.join(RUNNERS)}")
    name, *selection = words
    if options := [word for word in selection if word.startswith("-")]:
        raise BadTask(f"{options[0]}: only files and test ids may follow the runner")
    return replace(task, runner=_runner(name), selection=tuple(selection))


def _runner(name: str) -> str:
    if name not in RUNNERS:
        raise BadTask(f"no runner {name}; there are: {', '.join(RUNNERS)}")
    return name


def _text(fields: Mapping[str, Any], name: str) -> str:
    value = fields.get(name) or ""
    if not isinstance(value, str):
        raise BadTask(f"{name} is not a text")
    return value


def _ids(fields: Mapping[str, Any], name: str) -> tuple[str, ...]:
    value = fields.get(name) or []
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError as error:
            raise BadTask(f"{name} is not a list: {error}") from error
    if not isinstance(value, list) or not all(isinstance(id, str) and id for id in value):
        raise BadTask(f"{name} is not a list of texts")
    if options := [id for id in value if id.startswith("-")]:
        raise BadTask(f"{name} has {options[0]}, which a test framework would take for an option")
    return tuple(value)


def _files(given: Any) -> dict[str, bytes]:
    if not isinstance(given, dict) or not all(isinstance(text, str) for text in given.values()):
        raise BadTask("black_box_tests is not an object of texts")
    if wrong := [name for name in given if not _FILE_NAME.fullmatch(name) or name == _RESERVED]:
        raise BadTask(f"black_box_tests has {wrong[0]!r}, which cannot be the name of one of its files")
    if given and not any(map(_TEST_FILE.fullmatch, given)):
        raise BadTask("black_box_tests has no file of tests: test_*.py")
    return {name: text.encode() for name, text in given.items()}


def _cases(given: Any) -> tuple[Case, ...]:
    if not isinstance(given, list) or not all(isinstance(case, dict) for case in given):
        raise BadTask("cases is not a list of objects")
    return tuple(_case(case) for case in given)


def _case(given: Mapping[str, Any]) -> Case:
    name, argv, status = _text(given, "name"), given.get("argv"), given.get("exit_status", 0)
    if not name or not isinstance(argv, list) or not argv or not all(isinstance(word, str) for word in argv):
        raise BadTask("a case has a name, and as argv a list of texts")
    if not isinstance(status, int):
        raise BadTask(f"exit_status of the case {name} is no number")
    stdin, stdout = (_text(given, key).encode() for key in ("stdin", "stdout"))
    return Case(name=name, argv=tuple(argv), stdin=stdin, stdout=stdout, exit_status=status)
