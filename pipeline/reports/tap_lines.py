"""The lines of the Test Anything Protocol, versions 12 to 14 (https://testanything.org), one by one. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

STEP = 4
"""Spaces by which a subtest is indented."""
_POINT = re.compile(r"(not )?ok\b(?:[ \t]+(\d{1,9})\b)?(?:[ \t]*-[ \t]+|[ \t]*)(.*)$")
_PLAN = re.compile(r"1\.\.(\d{1,9})[ \t]*(?:#[ \t]*(.*))?$")
_SUBTEST = re.compile(r"# Subtest(?::[ \t]*(.*))?$")
_BAIL = re.compile(r"Bail out![ \t]*(.*)$")
_COMMENT = re.compile(r"#[ \t]+([a-z_]+):?[ \t]+(\d{1,9}(?:\.\d+)?)$")
_DIRECTIVE = re.compile(r"(?<!\\)#[ \t]*(skip\w*|todo)\b:?[ \t]*(.*)$", re.IGNORECASE)
_KEY = re.compile(r"([A-Za-z_]{1,40}):[ \t]*(.*)$")


@dataclass(frozen=True, slots=True)
class Plan:
    """`1..count`, with a reason where everything is skipped."""

    count: int


@dataclass(frozen=True, slots=True)
class Point:
    """One `ok` or `not ok`. `directive` is skip, todo or empty; `reason` follows it."""

    ok: bool
    title: str
    directive: str
    reason: str


@dataclass(frozen=True, slots=True)
class Subtest:
    """The announcement of what is indented next."""

    title: str


@dataclass(frozen=True, slots=True)
class Bail:
    """`Bail out!`: the whole run was given up."""

    reason: str


@dataclass(frozen=True, slots=True)
class Total:
    """A comment with a number, as writers put at the end: `# pass 3`."""

    key: str
    number: float


Line = Plan | Point | Subtest | Bail | Total


def parse_line(text: str) -> Line | None:
    """What the line says, its indentation taken off; None where it is output of the tests, which may be anything."""
    if found := _POINT.match(text):
        return _point(bool(found[1]), found[3])
    if found := _PLAN.match(text):
        return Plan(int(found[1]))
    if found := _SUBTEST.match(text):
        return Subtest((found[1] or "").strip())
    if found := _BAIL.match(text):
        return Bail(found[1].strip())
    if found := _COMMENT.match(text):
        return Total(found[1], float(found[2]))
    return None


def _point(failed: bool, rest: str) -> Point:
    directive = _DIRECTIVE.search(rest)
    title = rest[: directive.start()] if directive else rest
    word = directive[1].lower()[:4] if directive else ""
    plain = title.strip().removesuffix("{").strip().replace("\\#", "#").replace("\\\\", "\\")
    return Point(not failed, plain, word, directive[2].strip() if directive else "")


def diagnostics(lines: list[str]) -> dict[str, str]:
    """The top-level keys of a YAML block as plain texts, block scalars too. No YAML: nothing can refer or expand."""
    found: dict[str, list[str]] = {}
    indent = min((_indent(line) for line in lines if line.strip()), default=0)
    key = ""
    for line in lines:
        if _indent(line) == indent and (match := _KEY.match(line.strip())):
            key = match[1]
            found[key] = [] if match[2] in {"|", "|-", ">", ">-", "|+"} else [match[2].strip("'\"")]
        elif key:
            found[key].append(line[indent:].strip("\n"))
    return {key: "\n".join(texts).strip() for key, texts in found.items()}


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" "))
