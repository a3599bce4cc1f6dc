"""What a run came to so far: counts that add up, from each result, over crashes too. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from schemas.records import TraceJudged


@dataclass(frozen=True, slots=True)
class Tally:
    """Traces by what became of them, and what it took.

    `scored` and `unscored` are results, `cached` of them were taken from earlier ones; `gone` were erased or are no
    longer held, `unreadable` are damaged: those have no result. `unpriced` results had calls of unknown cost.
    """

    scored: int = 0
    unscored: int = 0
    cached: int = 0
    gone: int = 0
    unreadable: int = 0
    overall_milli: int = 0
    calls: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost_nano_usd: int = 0
    unpriced: int = 0

    def __add__(self, other: Tally) -> Tally:
        return Tally(*(getattr(self, one.name) + getattr(other, one.name) for one in fields(self)))

    @property
    def results(self) -> int:
        """Traces that have a result."""
        return self.scored + self.unscored

    @property
    def traces(self) -> int:
        """Traces that are dealt with."""
        return self.results + self.gone + self.unreadable

    def content(self) -> dict[str, int]:
        """As a JSON value."""
        return asdict(self)

    def told(self) -> dict[str, Any]:
        """As people and scripts read it."""
        mean = round(self.overall_milli / self.scored / 1000, 3) if self.scored else None
        cost = None if self.unpriced else round(self.cost_nano_usd / 1e9, 6)
        counts = {
            name: value
            for name, value in self.content().items()
            if name not in ("overall_milli", "cost_nano_usd", "unpriced")
        }
        return {**counts, "mean_overall": mean, "cost_usd": cost}


NOTHING, GONE, UNREADABLE = Tally(), Tally(gone=1), Tally(unreadable=1)


def tally_from(content: Mapping[str, int]) -> Tally:
    """The counts in a JSON value; those that it does not have are 0."""
    return Tally(**{one.name: content.get(one.name, 0) for one in fields(Tally)})


def tally_of(record: TraceJudged) -> Tally:
    """What one result adds."""
    scored = record.outcome == "scored"
    return Tally(
        scored=int(scored),
        unscored=int(not scored),
        cached=int(record.cached_from is not None),
        overall_milli=record.overall_milli or 0,
        calls=record.calls,
        prompt_tokens=record.prompt_tokens,
        completion_tokens=record.completion_tokens,
        cost_nano_usd=record.cost_nano_usd or 0,
        unpriced=int(record.cost_nano_usd is None and record.calls > 0),
    )
