"""Which stored traces an operator means: one language for every command that goes over old traces again.

A selection is a query over the public views, asked as the read-only analyst, so that a condition of one's own can do no
harm. The same selection, seed included, over the same traces gives the same ids in the same order.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from pipeline.clickhouse import ClickHouse

_ALL = "SELECT trace_id FROM v1_traces WHERE @ ORDER BY trace_id"
_SAMPLE = (
    "SELECT trace_id FROM (SELECT trace_id FROM v1_traces WHERE @"
    " ORDER BY sipHash64(trace_id, {seed:UInt64}), trace_id LIMIT {sample:UInt64}) ORDER BY trace_id"
)
_WITH_VERDICT = (
    "trace_id IN (SELECT trace_id FROM v1_validations WHERE current AND verdict IN {verdicts:Array(String)})"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """All conditions hold at once; what is empty or None asks for nothing. Times are milliseconds, `until_ms` excluded.

    `where` is a condition in SQL over the columns of v1_traces. `sample` takes so many of what is left, which ones is
    decided by `seed` and by the ids alone.
    """

    since_ms: int | None = None
    until_ms: int | None = None
    projects: tuple[str, ...] = ()
    verdicts: tuple[str, ...] = ()
    trace_ids: tuple[str, ...] = ()
    where: str = ""
    sample: int | None = None
    seed: int = 0

    def query(self) -> tuple[str, dict[str, Any]]:
        """The statement that gives the ids, and its parameters."""
        conditions = {
            "created_at >= {since:DateTime64(3, 'UTC')}": self.since_ms is not None,
            "created_at < {until:DateTime64(3, 'UTC')}": self.until_ms is not None,
            "project IN {projects:Array(String)}": self.projects,
            _WITH_VERDICT: self.verdicts,
            "trace_id IN {trace_ids:Array(String)}": self.trace_ids,
            # a comment at its end must not swallow what follows
            f"(\n{self.where}\n)": self.where,
        }
        wanted = " AND ".join(condition for condition, given in conditions.items() if given) or "true"
        statement = (_ALL if self.sample is None else _SAMPLE).replace("@", wanted, 1)
        return statement, self._parameters()

    def _parameters(self) -> dict[str, Any]:
        given = {
            "since": _moment(self.since_ms),
            "until": _moment(self.until_ms),
            "projects": list(self.projects),
            "verdicts": list(self.verdicts),
            "trace_ids": list(self.trace_ids),
            "sample": self.sample,
            "seed": None if self.sample is None else self.seed,
        }
        return {name: value for name, value in given.items() if value not in (None, [])}

    def told(self) -> dict[str, str]:
        """What it asks for, in words for the audit trail."""
        given = {**self._parameters(), "where": self.where}
        return {name: _word(value) for name, value in given.items() if value}

    def content(self) -> dict[str, Any]:
        """The selection as a JSON value, without what it does not ask for."""
        return {name: value for name, value in asdict(self).items() if value not in (None, (), "")}


def selection_of(content: Mapping[str, Any]) -> Selection:
    """The selection in a JSON value. Raises TypeError for one that has other members."""
    given: dict[str, Any] = {name: tuple(v) if isinstance(v, list) else v for name, v in content.items()}
    return Selection(**given)


def traces_of(clickhouse: ClickHouse, selection: Selection) -> list[str]:
    """The ids of the selected traces, in order. Raises QueryFailed, Retryable."""
    check_condition(clickhouse, selection.where)
    statement, parameters = selection.query()
    return clickhouse.raw(statement, "TabSeparated", parameters).decode().split()


def check_condition(clickhouse: ClickHouse, where: str) -> None:
    """That a condition stands alone: `1) OR (1` would undo the others beside it. Raises QueryFailed, Retryable.

    The engine's parser decides: alone, and in the parentheses in which a selection has it.
    """
    if where:
        alone = f"SELECT 1 WHERE\n{where}\n"
        clickhouse.raw("SELECT formatQuerySingleLine({statement:String})", "TabSeparated", {"statement": alone})


def _moment(ms: int | None) -> datetime | None:
    return None if ms is None else datetime.fromtimestamp(ms / 1000, UTC)


def _word(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
