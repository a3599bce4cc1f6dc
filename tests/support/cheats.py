"""Changes that try to look like a fix, as data: a line that says how, then `=== path` and the file's new content.

`=== path +` adds to the file that the start commit has, `=== path -> target` makes a symbolic link of it, and
`=== path ->` removes it. `{soon}` is a moment some seconds ahead.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.support.sandbox import CALC, TESTS, Link

FOLDER = Path(__file__).parents[1] / "integration" / "sandbox" / "cheats"
MORE_TESTS = """import unittest

import pytest

from calc import add


class TestSum(unittest.TestCase):
    def test_sum(self):
        self.assertEqual(add(2, 2), 4)


def test_refuses_nothing():
    with pytest.raises(TypeError):
        add(1, None)
"""
START = {"calc.py": CALC, "tests/test_calc.py": TESTS, "tests/test_text.py": MORE_TESTS}
_SECTION = re.compile(r"^=== (?P<path>\S+)(?P<how> \+| ->(?: \S+)?)?\n", re.MULTILINE)


@dataclass(frozen=True)
class Cheat:
    """One change: what it tries, and the files that it leaves behind, by path."""

    name: str
    how: str
    after: Mapping[str, str]


def cheats() -> list[Cheat]:
    """All of them, by name."""
    return [read(path) for path in sorted(FOLDER.glob("*.txt"))]


def read(path: Path) -> Cheat:
    """The cheat in one file."""
    how, *parts = _SECTION.split(path.read_text().replace("{soon}", str(time.time() + 6)))
    after = {
        name: _content(name, (said or "").split(), content)
        for name, said, content in zip(parts[::3], parts[1::3], parts[2::3], strict=True)
    }
    return Cheat(path.stem, how.strip(), after)


def _content(name: str, said: list[str], content: str) -> str:
    if said[:1] == ["->"]:
        return Link("".join(said[1:]))
    return (START[name] if said else "") + content
