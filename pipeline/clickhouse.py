"""ClickHouse, and the only place that knows its client. Calls block: use them from a thread or a CLI."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any
from urllib.parse import urlsplit

import clickhouse_connect
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError, DatabaseError, OperationalError
from urllib3.exceptions import HTTPError

from pipeline.errors import Retryable
from pipeline.settings import ClickHouseSettings

INSERT_SETTINGS = {
    "async_insert": 0,
    "insert_deduplicate": 1,
    # A block that its table has, because a crash came between table and aggregate, still goes to the aggregates: they
    # take anything twice.
    "deduplicate_blocks_in_dependent_materialized_views": 1,
}
# Codes of a server that is starting, stopping, full or slow: not the fault of the statement.
PASSING_CODES = ("Code: 159.", "Code: 202.", "Code: 209.", "Code: 210.", "Code: 241.", "Code: 252.", "Code: 236.")
# What an analyst's own query ran into: asked again it would fail again.
OWN_LIMITS = ("Code: 159.", "Query memory limit exceeded")

_PIECE = 65_536


class QueryFailed(Exception):
    """ClickHouse refused a statement; the text is its own."""


def _root_of(error: BaseException) -> BaseException:
    """What began it: the client and its HTTP library wrap a refused connection four times, with a line each."""
    while error.__cause__ is not None:
        error = error.__cause__
    return error


class ClickHouse:
    """One connection of one thread at a time. Raises Retryable when the server is away, QueryFailed when it refuses."""

    def __init__(self, settings: ClickHouseSettings, analyst: bool = False, database: str | None = None) -> None:
        self._settings, self._analyst = settings, analyst
        self._database = settings.clickhouse_database if database is None else database
        self._client: Client | None = None
        self._types: dict[tuple[str, tuple[str, ...]], Sequence[Any]] = {}

    def _connected(self) -> Client:
        if self._client is None:
            self._types.clear()
            url = urlsplit(self._settings.clickhouse_url)
            user, password = (
                (self._settings.clickhouse_analyst_user, self._settings.clickhouse_analyst_password)
                if self._analyst
                else (self._settings.clickhouse_user, self._settings.clickhouse_password)
            )
            self._client = clickhouse_connect.get_client(
                host=url.hostname,
                port=url.port,
                secure=url.scheme == "https",
                ca_cert=str(ca_file) if (ca_file := self._settings.clickhouse_ca_file) else None,
                username=user,
                password=password,
                database=self._database,
                autogenerate_session_id=False,
                compress=False,
                connect_timeout=5,
                send_receive_timeout=120,
            )
        return self._client

    def _run(self, method: str, *args: Any, **kwargs: Any) -> Any:
        try:
            return getattr(self._connected(), method)(*args, **kwargs)
        except OperationalError as error:
            self._client = None
            reason = _root_of(error)
            raise Retryable(f"ClickHouse at {self._settings.clickhouse_url} cannot be reached: {reason}") from error
        except DatabaseError as error:
            own = self._analyst and any(words in str(error) for words in OWN_LIMITS)
            if not own and any(code in str(error) for code in PASSING_CODES):
                raise Retryable(f"ClickHouse cannot answer now: {error}") from error
            raise QueryFailed(str(error)) from error
        except ClickHouseError as error:
            raise QueryFailed(str(error)) from error

    def command(self, sql: str, parameters: dict[str, Any] | None = None) -> Any:
        """Run a statement; its single value, if it has one."""
        return self._run("command", sql, parameters=parameters)

    def rows(self, sql: str, parameters: dict[str, Any] | None = None) -> list[dict[str, Any]]:
        """All rows of a query as dicts, columns in order."""
        return list(self._run("query", sql, parameters=parameters).named_results())

    def raw(self, sql: str, fmt: str | None, parameters: dict[str, Any] | None = None) -> bytes:
        """The answer of a query in any of ClickHouse's output formats; None where the query names its own."""
        answer: bytes = self._run("raw_query", sql, fmt=fmt, parameters=parameters)
        return answer

    def lines(self, sql: str, fmt: str, parameters: dict[str, Any] | None = None) -> Iterator[bytes]:
        """The lines of an answer in a format of one line a row, as they come: an answer of any size takes no memory."""
        with self._run("raw_stream", sql, fmt=fmt, parameters=parameters) as answer:
            rest = b""
            while piece := self._piece(answer):
                *lines, rest = (rest + piece).split(b"\n")
                yield from lines
            if rest:
                yield rest

    def _piece(self, answer: Any) -> bytes:
        try:
            piece: bytes = answer.read(_PIECE)
        except (HTTPError, OSError) as error:
            self._client = None
            raise Retryable(f"ClickHouse at {self._settings.clickhouse_url} broke off its answer: {error}") from error
        return piece

    def insert(self, table: str, columns: Sequence[str], data: Sequence[Iterable[Any]], token: str) -> None:
        """Insert one block, given column by column; a block with the same token is stored once."""
        types = self._column_types(table, tuple(columns))
        settings = {**INSERT_SETTINGS, "insert_deduplication_token": token}
        self._run(
            "insert", table, data, column_names=columns, column_types=types, column_oriented=True, settings=settings
        )

    def _column_types(self, table: str, columns: tuple[str, ...]) -> Sequence[Any]:
        """Asked once a connection: a DESCRIBE before every insert is a quarter of a small one (measured 4 of 18 ms)."""
        if (table, columns) not in self._types:
            self._types[table, columns] = self._run("create_insert_context", table, columns).column_types
        return self._types[table, columns]

    def close(self) -> None:
        """Give the connection back."""
        if self._client is not None:
            self._client.close()
            self._client = None
