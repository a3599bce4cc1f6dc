"""The one place that talks to chDB: connections, settings, running a statement (all of it blocking).

The engine locks its data folder, so there is one Engine a process. Each request has a connection of its own (it costs
about 1 ms) or its session's; a connection runs one statement at a time and has a tag by which another can cancel it.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import chdb

from deploy.embedded.clickhouse.accounts import Account
from deploy.embedded.clickhouse.configuration import ADMINISTRATORS, config_xml, users_xml
from deploy.embedded.clickhouse.failures import Failure, engine_failure, failure
from deploy.embedded.clickhouse.refusals import Classification, outside_functions
from deploy.embedded.clickhouse.restraints import Relation, Restraint, restraint
from deploy.embedded.clickhouse.sqltext import Statement, first_keyword, quoted
from pipeline.analysts import COLUMN, PUBLIC
from pipeline.settings import AnalystSettings

# Formats of which the engine streams the very bytes that it gives in one piece; the others would repeat their header.
STREAMED_FORMATS = frozenset(
    "CSV JSONCompactEachRow JSONEachRow JSONLines LineAsString MsgPack Native NDJSON RawBLOB RowBinary TabSeparated "
    "TabSeparatedRaw TSKV TSV TSVRaw".upper().split()
)
_STREAMED_STATEMENTS = ("SELECT", "WITH", "FROM")
# chDB starts as a command-line tool would; a server has these off.
_SERVER_DEFAULTS = {"implicit_select": "0", "allow_introspection_functions": "0"}
# The engine leaves some threads of cancelled queries of analysts as nice as they were: whoever writes takes that back.
_NOT_NICE = {"os_threads_nice_value_query": "-1"}
_UUID = re.compile(r"UUID '([0-9a-f-]{36})'")
_OUTSIDE_SCALARS = "SELECT name FROM system.functions WHERE lower(name) = 'file' OR toString(categories) = 'AI'"
# A parameterised view has no columns before it is called: one without a project will fail by its filter.
_RELATIONS = f"""
SELECT concat(database, '.', name), (database, name) IN (
    SELECT database, table FROM system.columns WHERE startsWith(table, '{PUBLIC}')
    GROUP BY database, table HAVING countIf(name = '{COLUMN}') = 0
)
FROM system.tables WHERE startsWith(name, '{PUBLIC}') AND database NOT IN ('system', 'information_schema')
"""


@dataclass(frozen=True)
class Totals:
    """What a statement read and wrote, for X-ClickHouse-Summary."""

    read_rows: int = 0
    read_bytes: int = 0
    written_rows: int = 0
    written_bytes: int = 0
    result_rows: int = 0
    result_bytes: int = 0
    elapsed_s: float = 0.0


def _nothing() -> Generator[bytes, None, None]:
    yield from ()


@dataclass(frozen=True)
class Answer:
    """The first bytes of a result and the rest, which is computed as it is drawn (each step may raise Failure)."""

    first: bytes
    rest: Generator[bytes, None, None] = field(default_factory=_nothing)
    totals: Totals = Totals()

    def close(self) -> None:
        """Ends the statement when it still runs."""
        self.rest.close()


class Engine:
    """The engine over `data_dir`, with the Atomic database `database` in it. Close it to unlock the folder.

    Analysts read the public views of `database` and of the databases `also`, and take `most` at the most.
    """

    def __init__(self, data_dir: Path, database: str, most: AnalystSettings, also: Sequence[str] = ()) -> None:
        self.database = database
        self._most = most
        store = data_dir / "engine"
        default_has_tables = _default_has_tables(store)
        self._address = _address(store, data_dir, users_xml([database, *also]))
        self._control = Connection(self._address)
        self._control.create_databases(database, default_is_known=default_has_tables)
        version, self.timezone = self._control.lines("SELECT version(), timezone()")[0].split("\t")
        self.version = f"(version {version})"
        self.outside = outside_functions(
            self._control.lines("SELECT name FROM system.table_functions"), self._control.lines(_OUTSIDE_SCALARS)
        )
        self._system_tables = self._control.lines("SELECT name FROM system.tables WHERE database = 'system'")

    def connect(self, account: Account, database: str | None, asked: Mapping[str, str]) -> Connection:
        """A new connection of `account` to `database` (None: the usual one).

        An analyst's can never be freed of its role and limits; of the settings `asked` it has those that lower a limit.
        """
        connection = Connection(self._address)
        try:
            connection.use(database or self.database)
            if account.read_only:
                relations = connection.relations() if account.projects else []
                connection.restrain(restraint(account, self._most, asked, self._system_tables, relations))
        except Failure:
            connection.close()
            raise
        return connection

    def cancel(self, tag: str) -> None:
        """Ends the statement that runs on the connection with `tag`, if any. Not to be called concurrently."""
        self._control.lines(f"KILL QUERY WHERE Settings['log_comment'] = '{tag}' ASYNC")

    def close(self) -> None:
        """Releases the data folder once every other connection is closed."""
        self._control.close()


class Connection:
    """A connection of chDB; not to be used by two threads at once. Its methods raise Failure."""

    def __init__(self, address: str) -> None:
        self.tag = uuid.uuid4().hex
        self._chdb: Any = chdb.connect(address)  # type: ignore[no-untyped-call]
        self.lines(f"SET ROLE {ADMINISTRATORS}")
        self.set({"log_comment": self.tag, **_SERVER_DEFAULTS, **_NOT_NICE})

    def close(self) -> None:
        """Ends whatever still runs on it."""
        self._chdb.close()

    def create_databases(self, name: str, *, default_is_known: bool) -> None:
        """Makes `name` and `default` Atomic databases; the tables of a `default` known from before come back.

        chDB puts a `default` of its own over ours at every start, which would open files named like a table.
        """
        self.lines("DETACH DATABASE default")
        self.lines("ATTACH DATABASE default" if default_is_known else "CREATE DATABASE default ENGINE = Atomic")
        self._query("CREATE DATABASE IF NOT EXISTS {name:Identifier} ENGINE = Atomic", "TSV", {"name": name})

    def use(self, database: str) -> None:
        """Makes `database` the one of unqualified names."""
        self._query("USE {name:Identifier}", "TSV", {"name": database})

    def set(self, settings: Mapping[str, str]) -> None:
        """Changes settings for all later statements; the names must be identifiers."""
        if settings:
            changes = ", ".join(f"{name} = {quoted(value)}" for name, value in settings.items())
            self.lines(f"SET {changes}")

    def restrain(self, held: Restraint) -> None:
        """Takes the restraint, for good."""
        self.set(held.settings)
        self.lines(f"SET ROLE {held.role}")
        self.set({"readonly": "1"})

    def relations(self) -> list[Relation]:
        """The public views and dictionaries of every database, as they are now."""
        found = (line.split("\t") for line in self.lines(_RELATIONS))
        return [Relation(name, of_projects=lacks == "0") for name, lacks in found]

    def current(self, names: Mapping[str, str]) -> dict[str, str]:
        """The present values of the settings `names`."""
        listed = ", ".join(map(quoted, names))
        found = self.lines(f"SELECT name, value FROM system.settings WHERE name IN ({listed}) FORMAT TSVRaw")
        return dict(line.split("\t", 1) for line in found)

    def classify(self, sql: str) -> Classification:
        """What `sql` would do, without running it."""
        report = _or_failure(lambda: self._chdb._conn.classify_query(sql))
        return Classification(report["query_class"].name, report["statement_count"])

    def canonical(self, sql: str) -> str:
        """`sql` as the engine's own formatter writes it."""
        written = self._query("SELECT formatQuery({sql:String}) FORMAT RawBLOB", "RawBLOB", {"sql": _escape(sql)})
        text: str = written.bytes().decode()
        return text

    def lines(self, sql: str) -> list[str]:
        """The lines of a small result in TabSeparated."""
        lines: list[str] = self._query(sql, "TSV", {}).bytes().decode().splitlines()
        return lines

    def insert(self, statement: Statement) -> Answer:
        """Stores the data of an INSERT ... FORMAT: all of its blocks, or a Failure."""
        totals: Totals = _or_failure(lambda: self._insert(statement))
        return Answer(b"", totals=totals)

    def run(self, sql: str, output: str, parameters: Mapping[str, str], *, stream: bool) -> Answer:
        """Runs any other statement; the result comes in pieces where `stream` is wished and its format allows it."""
        if stream and output.upper() in STREAMED_FORMATS and first_keyword(sql) in _STREAMED_STATEMENTS:
            pieces = self._pieces(sql, output, parameters)
            return Answer(next(pieces, b""), pieces)
        result = self._query(sql, output, parameters)
        return Answer(result.bytes(), totals=_totals(result))

    def _insert(self, statement: Statement) -> Totals:
        with self._chdb.send_insert(statement.sql, statement.input_format) as inserter:
            if statement.data:
                inserter.append(statement.data)
            done = inserter.finish()
        return Totals(written_rows=done.rows_written, written_bytes=done.bytes_written, elapsed_s=done.elapsed)

    def _pieces(self, sql: str, output: str, parameters: Mapping[str, str]) -> Generator[bytes, None, None]:
        stream = _or_failure(lambda: self._chdb.send_query(sql, output, params=dict(parameters)))
        try:
            while (piece := _or_failure(stream.fetch)) is not None:
                yield piece.bytes()
        finally:
            stream.close()

    def _query(self, sql: str, output: str, parameters: Mapping[str, str]) -> Any:
        return _or_failure(lambda: self._chdb.query(sql, output, params=dict(parameters)))


def _default_has_tables(store: Path) -> bool:
    """Whether `default` has tables from an earlier run. An empty one the engine could not attach: it is forgotten."""
    entry = store / "metadata" / "default.sql"
    identity = _UUID.search(entry.read_text()) if entry.exists() else None
    if identity and any((store / "store" / identity[1][:3] / identity[1]).glob("*.sql")):
        return True
    entry.unlink(missing_ok=True)
    return False


def _or_failure(step: Callable[[], Any]) -> Any:
    try:
        return step()
    except Failure:
        raise
    except (RuntimeError, chdb.ChdbError) as problem:
        raise engine_failure(str(problem)) from problem
    except UnicodeDecodeError as problem:
        raise failure("SYNTAX_ERROR", "the statement is not UTF-8") from problem


def _totals(result: Any) -> Totals:
    return Totals(
        read_rows=result.storage_rows_read(),
        read_bytes=result.storage_bytes_read(),
        written_rows=result.rows_written(),
        written_bytes=result.bytes_written(),
        result_rows=result.rows_read(),
        result_bytes=result.size(),
        elapsed_s=result.elapsed(),
    )


def _address(store: Path, data_dir: Path, users_text: str) -> str:
    """chDB's connection text for the folder `store`; writes the configuration that it names into `data_dir`."""
    store.mkdir(parents=True, exist_ok=True)
    users, config = data_dir / "users.xml", data_dir / "config.xml"
    users.write_text(users_text)
    config.write_text(config_xml(str(users)))
    return f"{store}?config-file={config}"


def _escape(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n").replace("\0", "\\0")
