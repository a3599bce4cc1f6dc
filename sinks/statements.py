"""SQL scripts as single statements, because ClickHouse's HTTP interface takes one at a time."""

import re

# What may hold a semicolon that ends nothing: comments, strings, quoted names. A quote is escaped by \ or by doubling;
# doubled quotes are two tokens here, which comes to the same.
_TOKEN = re.compile(
    r"""--[^\n]* | /\*.*?\*/ | '(?:[^'\\]|\\.)*' | "(?:[^"\\]|\\.)*" | `(?:[^`\\]|\\.)*` | ;""",
    re.VERBOSE | re.DOTALL,
)

COMMENTS = ("--", "/*")


def split(script: str) -> list[str]:
    """The statements of a script, without their final semicolons, comments kept; a part of comments only is none."""
    statements, begin = [], 0
    ends = [match.start() for match in _TOKEN.finditer(script) if match.group() == ";"]
    for end in [*ends, len(script)]:
        statements.append(script[begin:end].strip())
        begin = end + 1
    return [statement for statement in statements if _says_something(statement)]


def _says_something(statement: str) -> bool:
    return bool(_TOKEN.sub(lambda token: "" if token.group()[:2] in COMMENTS else "x", statement).strip())
