"""One statement from its checks to its answer (blocking; runs in worker threads)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import chain

from deploy.embedded.clickhouse.accounts import Account
from deploy.embedded.clickhouse.engine import Answer, Connection
from deploy.embedded.clickhouse.failures import failure
from deploy.embedded.clickhouse.native import KNOWN, framed
from deploy.embedded.clickhouse.query_request import QueryRequest
from deploy.embedded.clickhouse.refusals import READ_ONLY, refuse_change, refuse_multiple, refuse_outside
from deploy.embedded.clickhouse.restraints import beyond_limits
from deploy.embedded.clickhouse.sessions import Sessions
from deploy.embedded.clickhouse.sqltext import Statement, output_format


@dataclass
class Execution:
    """A statement on its way. `tag` names what can be cancelled; `cancelled` keeps it from beginning."""

    account: Account
    request: QueryRequest
    method: str
    statement: Statement
    tag: str | None = None
    cancelled: bool = False

    @property
    def format(self) -> str:
        """The output format: the statement's own, else the request's."""
        return output_format(self.statement.sql) or self.request.default_format

    def start(self, sessions: Sessions, outside: frozenset[str], resources: ExitStack) -> Answer:
        """Checks and runs the statement, with a connection that lives as long as `resources`.

        Raises Failure; nothing of the statement has run when a check fails. `outside`: what the analyst may not call.
        """
        connection = resources.enter_context(sessions.connection(self.account, self.request))
        resources.enter_context(self._settings(connection))
        reads = self._check(connection, outside)
        # Only reading is ended when the client leaves: a write of unknown outcome would be worse than a finished one.
        self.tag = connection.tag if reads else None
        if self.cancelled:
            raise failure("QUERY_WAS_CANCELLED", "the client went away before the query began")
        answer = self._run(connection, stream=reads and not self.request.whole_result)
        resources.callback(answer.close)
        return self._as_expected(answer)

    def _check(self, connection: Connection, outside: frozenset[str]) -> bool:
        """Raises Failure for what is refused; true when the statement only reads."""
        sql = self.statement.sql
        classification = connection.classify(sql)
        refuse_multiple(sql, classification)
        # The formatter says what is wrong with bad syntax; of an insert whose data came apart it would say so too.
        whole = self.account.read_only and self.statement.input_format is None
        canonical = connection.canonical(sql) if whole else ""
        refuse_change(self.account, self.method, classification)
        refuse_outside(self.account, canonical, outside)
        return classification.name == READ_ONLY

    def _as_expected(self, answer: Answer) -> Answer:
        if self.format.upper() != "NATIVE" or self.request.protocol_version < KNOWN:
            return answer
        pieces = framed(chain([answer.first], answer.rest))
        return Answer(next(pieces, b""), pieces, answer.totals)

    def _run(self, connection: Connection, *, stream: bool) -> Answer:
        if self.statement.input_format is not None:
            return connection.insert(self.statement)
        return connection.run(self.statement.sql, self.format, self.request.parameters, stream=stream)

    @contextmanager
    def _settings(self, connection: Connection) -> Iterator[None]:
        """The request's settings, undone afterwards in a session: a deduplication token must not stay."""
        if self.account.read_only:
            connection.set(beyond_limits(self.request.settings))
            yield
            return
        keep = self.request.session_id is not None and self.request.settings
        before = connection.current(self.request.settings) if keep else {}
        connection.set(self.request.settings)
        try:
            yield
        finally:
            connection.set(before)
