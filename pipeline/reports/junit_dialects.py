"""Guesses the framework behind a JUnit report from the habits of its writer, for people to read; no more."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

_UNITTEST = re.compile(r".*-\d{14}$")
_RERUN = {"flakyFailure", "flakyError", "rerunFailure", "rerunError"}
_GRADLE = {"name", "tests", "skipped", "failures", "errors", "timestamp", "hostname", "time"}


@dataclass(slots=True)
class Habits:
    """What was seen of root, first suite and first case; names of all properties and outcome elements."""

    root: dict[str, str] = field(default_factory=dict)
    suite: dict[str, str] = field(default_factory=dict)
    case: dict[str, str] = field(default_factory=dict)
    properties: set[str] = field(default_factory=set)
    elements: set[str] = field(default_factory=set)

    def is_named(self, root: str, suite: str | None = None) -> bool:
        """Whether the root, or the first suite, has the name that a writer gives by default."""
        return self.root.get("name") == root or (suite is not None and self.suite.get("name") == suite)

    def file_ends(self, *endings: str) -> bool:
        """Whether the first case names a file with one of the endings."""
        return (self.case.get("file") or self.case.get("classname") or "").endswith(endings)


DIALECTS: dict[str, Callable[[Habits], bool]] = {
    "pytest": lambda seen: seen.is_named("pytest tests", "pytest"),
    "jest": lambda seen: seen.is_named("jest tests") or " › " in seen.case.get("classname", ""),
    "mocha": lambda seen: seen.is_named("Mocha Tests"),
    "eslint": lambda seen: seen.suite.get("package") == "org.eslint",
    "go": lambda seen: "go.version" in seen.properties,
    "gtest": lambda seen: "disabled" in seen.root and seen.case.get("status") in {"run", "notrun"},
    "minitest": lambda seen: "filepath" in seen.suite and seen.file_ends(".rb"),
    "phpunit": lambda seen: seen.file_ends(".php", ".phpt") and "file" in seen.case,
    "nette-tester": lambda seen: ".phpt" in seen.case.get("name", ""),
    "unittest": lambda seen: bool(_UNITTEST.match(seen.suite.get("name", ""))),
    "swift": lambda seen: seen.is_named("", "TestResults") and set(seen.case) == {"classname", "name", "time"},
    "node": lambda seen: seen.case.get("classname") == "test",
    "testng": lambda seen: seen.suite.get("timestamp", "").endswith(" UTC"),
    "surefire": lambda seen: bool(seen.elements & _RERUN) or "java.version" in seen.properties,
    "gradle": lambda seen: set(seen.suite) == _GRADLE,
}


def framework(seen: Habits) -> str:
    """The first dialect that fits; `junit` where none does."""
    return next((name for name, fits in DIALECTS.items() if fits(seen)), "junit")
