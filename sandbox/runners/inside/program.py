"""Calls the program under test, which is in another container: what the operator's black-box tests import.

Beside these tests there is no code of a trace. A call is handed to the sandbox outside, which makes it in a container
that has the program and nothing else, and hands back what the program said.
"""

from __future__ import annotations

import base64
import itertools
import json
import threading
from dataclasses import dataclass
from typing import Any

ASKED, TOLD = "/tmp/examination/asked", "/tmp/examination/told"  # pipes that the sandbox reads and writes
_one_at_a_time = threading.Lock()
_numbers = itertools.count()


@dataclass(frozen=True)
class Answer:
    """What a program said. `exit_status` is None where it had none, as when it brought its container down."""

    stdout: bytes
    stderr: bytes
    exit_status: int | None

    @property
    def text(self) -> str:
        """Standard output as UTF-8."""
        return self.stdout.decode(errors="replace")


class Program:
    """The program in a container of its own until the end of the block: files that it writes stay for its next call."""

    def __init__(self) -> None:
        self._number = next(_numbers)

    def run(self, *argv: str, stdin: bytes | str = b"") -> Answer:
        """Run a command at the root of the program's tree, to its end."""
        return _answer(_exchanged(self._request(argv, stdin)))

    def __enter__(self) -> Program:
        return self

    def __exit__(self, *raised: object) -> None:
        _exchanged({"program": self._number, "end": True})

    def _request(self, argv: tuple[str, ...], stdin: bytes | str) -> dict[str, Any]:
        data = stdin.encode() if isinstance(stdin, str) else stdin
        return {"program": self._number, "argv": argv, "stdin": base64.b64encode(data).decode(), "end": False}


def run(*argv: str, stdin: bytes | str = b"") -> Answer:
    """Run one command of the program in a container that nothing ran in before and nothing runs in afterwards."""
    return _answer(_exchanged(Program()._request(argv, stdin) | {"end": True}))


def _exchanged(request: dict[str, Any]) -> dict[str, Any]:
    with _one_at_a_time:
        with open(ASKED, "w") as asked:
            json.dump(request, asked)
        with open(TOLD) as told:
            answered: dict[str, Any] = json.load(told)
            return answered


def _answer(told: dict[str, Any]) -> Answer:
    stdout, stderr = (base64.b64decode(told[name]) for name in ("stdout", "stderr"))
    return Answer(stdout, stderr, told["exit_status"])
