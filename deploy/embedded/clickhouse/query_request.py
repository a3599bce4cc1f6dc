"""What a client asks, taken from the address and headers of its request (pure)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from deploy.embedded.clickhouse.failures import failure

DEFAULT_FORMAT = "TabSeparated"
_DEFAULT_SESSION_TIMEOUT_S = "60"
_SETTING_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.]*")

# Parameters of the HTTP interface, not settings of the engine. `log_comment` is how this server finds its queries.
_TRANSPORT = frozenset(
    (
        "buffer_size",
        "cancel_http_readonly_queries_on_client_close",
        "client_protocol_version",
        "database",
        "decompress",
        "default_format",
        "enable_http_compression",
        "http_headers_progress_interval_ms",
        "http_zlib_compression_level",
        "log_comment",
        "password",
        "query",
        "query_id",
        "quota_key",
        "role",
        "send_progress_in_http_headers",
        "session_check",
        "session_id",
        "session_timeout",
        "stacktrace",
        "user",
        "wait_end_of_query",
    )
)


@dataclass(frozen=True)
class QueryRequest:
    """A request without its credentials and body; `parameters` are the values of `{name:Type}` placeholders."""

    query: str
    database: str | None
    default_format: str
    session_id: str | None
    session_timeout_s: int
    session_must_exist: bool
    protocol_version: int
    whole_result: bool
    settings: Mapping[str, str]
    parameters: Mapping[str, str]


def query_request(pairs: Iterable[tuple[str, str]], headers: Mapping[str, str]) -> QueryRequest:
    """Reads the address parameters `pairs` and `headers` (lower-case names). Raises Failure for what is not offered."""
    given = dict(pairs)
    if _is_on(given.pop("compress", "0")) or _is_on(given.get("decompress", "0")):
        raise failure("NOT_IMPLEMENTED", "the native block compression (compress=1, decompress=1) is not supported")
    return QueryRequest(
        query=given.get("query", ""),
        database=given.get("database") or headers.get("x-clickhouse-database"),
        default_format=headers.get("x-clickhouse-format") or given.get("default_format") or DEFAULT_FORMAT,
        session_id=given.get("session_id") or None,
        session_timeout_s=_number("session timeout", given.get("session_timeout", _DEFAULT_SESSION_TIMEOUT_S)),
        session_must_exist=_is_on(given.get("session_check", "0")),
        protocol_version=_number("client protocol version", given.get("client_protocol_version", "0")),
        whole_result=_is_on(given.get("wait_end_of_query", "0")),
        settings=_settings(given),
        parameters={name[6:]: value for name, value in given.items() if name.startswith("param_")},
    )


def _settings(given: Mapping[str, str]) -> dict[str, str]:
    names = [name for name in given if name not in _TRANSPORT and not name.startswith("param_")]
    for name in names:
        if not _SETTING_NAME.fullmatch(name):
            raise failure("BAD_ARGUMENTS", f"{name!r} is not the name of a setting")
    return {name: given[name] for name in names}


def _number(what: str, text: str) -> int:
    if not text.isascii() or not text.isdigit():
        raise failure("BAD_ARGUMENTS", f"Invalid {what}: '{text}'")
    return int(text)


def _is_on(text: str) -> bool:
    return text.lower() in ("1", "true")
