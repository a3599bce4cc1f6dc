"""Sessions: connections that a client keeps by name across requests, with their temporary tables and settings."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from deploy.embedded.clickhouse.accounts import Account
from deploy.embedded.clickhouse.engine import Connection, Engine
from deploy.embedded.clickhouse.failures import failure
from deploy.embedded.clickhouse.query_request import QueryRequest

MAX_TIMEOUT_S = 3600
_Key = tuple[str, str]


@dataclass
class _Session:
    connection: Connection
    ends_at: float
    busy: threading.Lock = field(default_factory=threading.Lock)


class Sessions:
    """Hands out connections; safe to use from many threads. `clock` gives seconds that never run backwards."""

    def __init__(self, engine: Engine, clock: Callable[[], float]) -> None:
        self._engine = engine
        self._clock = clock
        self._open: dict[_Key, _Session] = {}
        self._table = threading.Lock()

    @contextmanager
    def connection(self, account: Account, request: QueryRequest) -> Iterator[Connection]:
        """The connection for one request: its session's, or one that is closed afterwards.

        Raises Failure when the session is in use by another request (373) or demanded and absent (372). An analyst has
        none, because there is nothing that it could keep; so nobody goes on reading with filters of an hour ago.
        """
        if request.session_id is None or account.read_only:
            connection = self._engine.connect(account, request.database, request.settings)
            try:
                yield connection
            finally:
                connection.close()
            return
        session = self._acquire((account.name, request.session_id), account, request)
        try:
            if request.database is not None:
                session.connection.use(request.database)
            yield session.connection
        finally:
            session.ends_at = self._clock() + min(request.session_timeout_s, MAX_TIMEOUT_S)
            session.busy.release()

    def close(self) -> None:
        """Ends all sessions."""
        with self._table:
            for session in self._open.values():
                session.connection.close()
            self._open.clear()

    def _acquire(self, key: _Key, account: Account, request: QueryRequest) -> _Session:
        with self._table:
            self._expire()
            session = self._open.get(key)
            if session is None:
                if request.session_must_exist:
                    raise failure("SESSION_NOT_FOUND", f"Session {key[1]} not found")
                session = self._open[key] = _Session(self._engine.connect(account, None, {}), self._clock())
            if not session.busy.acquire(blocking=False):
                raise failure("SESSION_IS_LOCKED", f"Session {key[1]} is locked by a concurrent client")
            return session

    def _expire(self) -> None:
        """Ends the sessions whose time is over and that no request holds; the caller holds the table's lock."""
        now = self._clock()
        for key, session in list(self._open.items()):
            if session.ends_at < now and session.busy.acquire(blocking=False):
                del self._open[key]
                session.connection.close()
