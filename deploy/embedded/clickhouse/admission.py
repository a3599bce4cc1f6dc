"""How many queries an analyst may run, at once and an hour; the engine has one user and cannot count for each account.

Belongs to the event loop: nothing here is safe to use from threads.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from deploy.embedded.clickhouse.accounts import Account
from deploy.embedded.clickhouse.failures import failure
from pipeline.settings import AnalystSettings

HOUR_S = 3600
# A dashboard asks for all of its panels at once.
PATIENCE_S = 5.0


@dataclass
class _Use:
    """What an account has used in the hour `hour` (since 1970), and its places."""

    places: asyncio.Semaphore
    hour: int = -1
    queries: int = 0
    busy_s: float = 0.0


class Admission:
    """Lets the queries of analysts in. `now` gives seconds since 1970."""

    def __init__(self, most: AnalystSettings, now: Callable[[], float], patience_s: float = PATIENCE_S) -> None:
        self._most = most
        self._now = now
        self._patience_s = patience_s
        self._used: dict[str, _Use] = {}

    @asynccontextmanager
    async def admitted(self, account: Account) -> AsyncIterator[None]:
        """Held while a query of `account` runs. Raises Failure: too many at once (202), quota used up (201)."""
        if not account.read_only:
            yield
            return
        use = self._used.setdefault(account.name, _Use(asyncio.Semaphore(self._most.clickhouse_analyst_queries)))
        self._charge(account, use)
        await self._enter(account, use)
        began = self._now()
        try:
            yield
        finally:
            use.busy_s += max(0.0, self._now() - began)
            use.places.release()

    def _charge(self, account: Account, use: _Use) -> None:
        """Hours are those of the clock, as a server's quota has them."""
        hour = int(self._now() // HOUR_S)
        if use.hour != hour:
            use.hour, use.queries, use.busy_s = hour, 0, 0.0
        queries, busy_s = self._most.clickhouse_analyst_hourly_queries, self._most.clickhouse_analyst_hourly_s
        if use.queries >= queries:
            raise _used_up(account, f"queries = {use.queries + 1}/{queries}", hour)
        if use.busy_s >= busy_s:
            raise _used_up(account, f"execution_time = {use.busy_s:.0f}/{busy_s}", hour)
        use.queries += 1

    async def _enter(self, account: Account, use: _Use) -> None:
        try:
            await asyncio.wait_for(use.places.acquire(), self._patience_s)
        except TimeoutError:
            most = self._most.clickhouse_analyst_queries
            raise failure(
                "TOO_MANY_SIMULTANEOUS_QUERIES",
                f"Too many simultaneous queries for user {account.name}. Current: {most}, maximum: {most}",
            ) from None


def _used_up(account: Account, what: str, hour: int) -> Exception:
    ends = datetime.fromtimestamp((hour + 1) * HOUR_S, UTC)
    return failure(
        "QUOTA_EXCEEDED",
        f"Quota for user `{account.name}` for {HOUR_S}s has been exceeded: {what}."
        f" Interval will end at {ends:%Y-%m-%d %H:%M:%S} UTC",
    )
