"""A checkpoint comes back as it was saved; what a run has beyond it is found in its results, whatever else is there."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from aiokafka.structs import TopicPartition

from judge.rescore.checkpoint import Checkpoint, Known, done_beyond, last_checkpoint
from judge.rescore.tally import Tally, tally_from, tally_of
from pipeline.objectstore import FolderStore
from pipeline.replay import Hole
from pipeline.segments import Entry
from schemas.codec import encode
from schemas.examples import load_examples
from schemas.records import TraceJudged

EXAMPLE: Any = load_examples()["TraceJudged"]
PLACE = TopicPartition("rescores", 0)


def judged(trace_id: str, run_id: str = "r", **fields: Any) -> TraceJudged:
    record: TraceJudged = replace(EXAMPLE, trace_id=trace_id, run_id=run_id, **fields)
    return record


@dataclass
class FakeLog:
    """One partition; the offsets of `hole` are nowhere."""

    values: list[bytes | None]
    hole: range = range(0)

    async def places(self, _topic: str) -> dict[TopicPartition, tuple[int, int]]:
        return {PLACE: (0, len(self.values))}

    async def entries(self, place: TopicPartition, first: int) -> AsyncIterator[Entry]:
        for offset in range(first, len(self.values)):
            if offset in self.hole:
                raise Hole(place, offset, self.hole.stop)
            yield Entry(offset, 0, None, self.values[offset])


async def test_it_comes_back_as_it_was_saved(tmp_path: Path) -> None:
    store, start = FolderStore(tmp_path), Checkpoint(after={0: 3})
    assert await last_checkpoint(store, "r", start) == start
    made = Checkpoint(7, {0: 11, 12: 4}, Tally(scored=6, gone=1, cost_nano_usd=5))
    await made.save(store, "r")
    assert await last_checkpoint(store, "r", start) == made
    assert await last_checkpoint(store, "another", start) == start


async def test_results_beyond_it_are_found_and_others_are_not() -> None:
    a, b, c = judged("trace-a"), judged("trace-b"), judged("trace-c")
    records: list[bytes | None] = [
        encode(a),
        encode(judged("trace-x", "other")),
        b"damaged",
        None,
        encode(b),
        encode(c),
    ]
    log: Any = FakeLog(records)
    found = {one.trace_id: Known(tally_of(one), 0, offset) for one, offset in ((a, 0), (b, 4), (c, 5))}
    assert await done_beyond(log, "r", Checkpoint()) == found
    assert set(await done_beyond(log, "r", Checkpoint(after={0: 5}))) == {"trace-c"}
    # What nobody holds is asked for again, and what comes after it is found.
    log.hole = range(4, 5)
    assert set(await done_beyond(log, "r", Checkpoint())) == {"trace-a", "trace-c"}


def test_counts_add_up_and_an_unknown_cost_stays_unknown() -> None:
    scored = judged("trace-a", outcome="scored", overall_milli=4000, calls=1, cost_nano_usd=2_000_000)
    unpriced = judged("trace-b", outcome="unscored", overall_milli=None, calls=2, cost_nano_usd=None)
    free = judged("trace-c", outcome="scored", overall_milli=3000, calls=0, cost_nano_usd=None, cached_from="live")
    total = tally_of(scored) + tally_of(free) + Tally(gone=1, unreadable=2)
    told = total.told()
    assert (told["scored"], told["cached"], told["mean_overall"], told["cost_usd"]) == (2, 1, 3.5, 0.002)
    assert (total.results, total.traces) == (2, 5)
    assert (total + tally_of(unpriced)).told()["cost_usd"] is None
    assert tally_from(total.content()) == total
    assert Tally().told()["mean_overall"] is None
