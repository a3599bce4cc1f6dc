"""Reads as much of a statement's text as the server must know before the engine has it (pure).

It finds the data behind an INSERT, the output format, further statements and the functions that are called. Whether a
statement reads or writes is the engine's own judgement, not taken from here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_TOKEN = re.compile(
    r"""
    (?P<blank> \s+ | --[^\n]* | \#[\ !][^\n]* | /\*.*?(?:\*/|\Z) )
  | (?P<word> [A-Za-z_][A-Za-z0-9_$]* )
  | (?P<quoted> `(?:[^`\\]|\\.|``)*` | "(?:[^"\\]|\\.|"")*" )
  | (?P<string> '(?:[^'\\]|\\.|'')*' | \$(?P<tag>\w*)\$.*?\$(?P=tag)\$ )
  | (?P<number> \d[\w.]* )
  | (?P<symbol> . )
    """,
    re.VERBOSE | re.DOTALL,
)
# An INSERT's head longer than this is not looked through; real servers stop at max_query_size (256 KiB) as well.
_HEAD_BYTES = 256 * 1024
_DATA_START = re.compile(rb"[ \t\f]*;?[ \t\f]*(?:\r?\n)?")
_NOT_DATA = {"SELECT", "WITH", "VALUES", "FROM", "WATCH"}


@dataclass(frozen=True)
class Token:
    """One lexical element without comments and blanks; `end` is the offset behind it."""

    kind: str
    text: str
    end: int

    @property
    def keyword(self) -> str:
        """A bare word in capitals, "" for anything else."""
        return self.text.upper() if self.kind == "word" else ""


@dataclass(frozen=True)
class Statement:
    """A statement as it goes to the engine; `data` is what follows `INSERT ... FORMAT input_format`."""

    sql: str
    input_format: str | None = None
    data: bytes = b""


def tokens(text: str) -> Iterator[Token]:
    """The tokens of `text`; never fails: what cannot be read becomes single symbols."""
    for match in _TOKEN.finditer(text):
        if match.lastgroup != "blank":
            kind = "string" if match["string"] is not None else str(match.lastgroup)
            yield Token(kind, match[0], match.end())


def split_data(text: bytes) -> Statement:
    """Separates the SQL of a request from inline data in an INSERT's FORMAT; raises UnicodeDecodeError for bad SQL."""
    head = text[:_HEAD_BYTES].decode("latin-1")  # one character per byte, so that offsets hold
    found = _insert_format(tokens(head))
    if found is None:
        return Statement(text.decode())
    before, name = found
    behind = _DATA_START.match(text, name.end)
    return Statement(text[: before.end].decode(), name.text, text[behind.end() if behind else name.end :])


def _insert_format(stream: Iterator[Token]) -> tuple[Token, Token] | None:
    """The token before FORMAT and the format's name, when this is an INSERT whose data follow."""
    previous = next(stream, None)
    if previous is None or previous.keyword != "INSERT":
        return None
    for depth, token in _with_depth(stream):
        if depth == 0 and token.keyword in _NOT_DATA:
            return None
        if depth == 0 and token.keyword == "FORMAT":
            name = next(stream, None)
            return (previous, name) if name and name.kind == "word" else None
        previous = token
    return None


def _with_depth(stream: Iterator[Token]) -> Iterator[tuple[int, Token]]:
    depth = 0
    for token in stream:
        depth -= token.text == ")"
        yield depth, token
        depth += token.text == "("


def output_format(sql: str) -> str | None:
    """The name in the statement's own FORMAT clause, None where it has none."""
    stream = [token for depth, token in _with_depth(tokens(sql)) if depth == 0]
    for keyword, name, after in zip(stream, stream[1:], [*stream[2:], Token("end", "", 0)], strict=False):
        if keyword.keyword == "FORMAT" and name.kind == "word" and (after.kind == "end" or after.text == ";"):
            return name.text
        if keyword.keyword == "FORMAT" and name.kind == "word" and after.keyword == "SETTINGS":
            return name.text
    return None


def first_keyword(sql: str) -> str:
    """The first word in capitals behind opening parentheses, "" where there is none."""
    for token in tokens(sql):
        if token.text != "(":
            return token.keyword
    return ""


def quoted(text: str) -> str:
    """The text as a string literal."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def has_second_statement(sql: str) -> bool:
    """Whether anything but comments follows a semicolon."""
    stream = tokens(sql)
    return any(token.text == ";" for token in stream) and any(token.text != ";" for token in stream)


def called_names(sql: str) -> set[str]:
    """Lower-case names of everything that is followed by an opening parenthesis, quoted names without their quotes."""
    names, previous = set(), None
    for token in tokens(sql):
        if token.text == "(" and previous is not None and previous.kind in ("word", "quoted"):
            names.add(previous.text.strip('`"').lower())
        previous = token
    return names
