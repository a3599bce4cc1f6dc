"""Errors in ClickHouse's own form: `Code: N. DB::Exception: text (NAME) (version V)` with the fitting HTTP status."""

from __future__ import annotations

import re

_ENGINE_TEXT = re.compile(r"Code: (\d+)\. DB::Exception: .*", re.DOTALL)
_NAME = re.compile(r"\(([A-Z][A-Z0-9_]+)\)(?: \(version [^)]*\))?\s*$")

# Statuses as a real server gives them; every other name is 500.
_STATUS = {
    "REQUIRED_PASSWORD": 401,
    **dict.fromkeys(("ACCESS_DENIED", "AUTHENTICATION_FAILED", "UNKNOWN_USER", "WRONG_PASSWORD"), 403),
    **dict.fromkeys(
        (
            "BAD_ARGUMENTS",
            "CANNOT_COMPILE_REGEXP",
            "CANNOT_PARSE_DATE",
            "CANNOT_PARSE_DATETIME",
            "CANNOT_PARSE_ESCAPE_SEQUENCE",
            "CANNOT_PARSE_INPUT_ASSERTION_FAILED",
            "CANNOT_PARSE_IPV4",
            "CANNOT_PARSE_IPV6",
            "CANNOT_PARSE_NUMBER",
            "CANNOT_PARSE_QUOTED_STRING",
            "CANNOT_PARSE_TEXT",
            "CANNOT_PARSE_UUID",
            "DUPLICATE_COLUMN",
            "ILLEGAL_COLUMN",
            "INCORRECT_DATA",
            "SYNTAX_ERROR",
            "THERE_IS_NO_COLUMN",
            "TOO_BIG_AST",
            "TOO_DEEP_AST",
            "TYPE_MISMATCH",
            "UNEXPECTED_AST_STRUCTURE",
            "UNKNOWN_ELEMENT_IN_AST",
            "UNKNOWN_TYPE_OF_AST_NODE",
            "VALUE_IS_OUT_OF_RANGE_OF_DATA_TYPE",
        ),
        400,
    ),
    **dict.fromkeys(
        (
            "UNKNOWN_AGGREGATE_FUNCTION",
            "UNKNOWN_DATABASE",
            "UNKNOWN_DATABASE_ENGINE",
            "UNKNOWN_DIRECTION_OF_SORTING",
            "UNKNOWN_FORMAT",
            "UNKNOWN_FUNCTION",
            "UNKNOWN_IDENTIFIER",
            "UNKNOWN_ROLE",
            "UNKNOWN_SETTING",
            "UNKNOWN_STORAGE",
            "UNKNOWN_TABLE",
            "UNKNOWN_TYPE",
            "UNKNOWN_TYPE_OF_QUERY",
        ),
        404,
    ),
    "TIMEOUT_EXCEEDED": 408,
    "QUERY_IS_TOO_LARGE": 413,
    "UNSUPPORTED_MEDIA_TYPE": 415,
    "NOT_IMPLEMENTED": 501,
    **dict.fromkeys(("CANNOT_OPEN_FILE", "CANNOT_SCHEDULE_TASK", "SOCKET_TIMEOUT"), 503),
}

# Codes of the refusals that this server makes itself.
_CODES = {
    "ACCESS_DENIED": 497,
    "AUTHENTICATION_FAILED": 516,
    "BAD_ARGUMENTS": 36,
    "CANNOT_DECOMPRESS": 271,
    "NOT_IMPLEMENTED": 48,
    "QUERY_IS_TOO_LARGE": 307,
    "QUERY_WAS_CANCELLED": 394,
    "QUOTA_EXCEEDED": 201,
    "READONLY": 164,
    "SESSION_IS_LOCKED": 373,
    "SESSION_NOT_FOUND": 372,
    "SETTING_CONSTRAINT_VIOLATION": 452,
    "STD_EXCEPTION": 1001,
    "SYNTAX_ERROR": 62,
    "TOO_MANY_SIMULTANEOUS_QUERIES": 202,
    "UNKNOWN_COMPRESSION_METHOD": 89,
}


class Failure(Exception):
    """A query that failed; `str()` is the one-line text a client shows, `code` and `status` go into the response."""

    def __init__(self, code: int, status: int, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.status = status


def failure(name: str, text: str) -> Failure:
    """A refusal of this server; `name` is one of ClickHouse's error names."""
    return Failure(_CODES[name], _STATUS.get(name, 500), f"Code: {_CODES[name]}. DB::Exception: {text} ({name})")


def engine_failure(text: str) -> Failure:
    """The engine's own error out of the text of an exception of chDB, without the wrapper words around it."""
    found = _ENGINE_TEXT.search(text)
    if found is None:
        return failure("STD_EXCEPTION", text or "the engine gave no reason")
    name = _NAME.search(found[0])
    return Failure(int(found[1]), _STATUS.get(name[1] if name else "", 500), found[0].strip())
