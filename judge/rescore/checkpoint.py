"""How far a run is for good, and how one that was cut short finds out what it had done beyond that.

A checkpoint is one small object beside the plan, replaced as a whole, after the log has acknowledged everything before
it. What was acknowledged beyond it lies in `rescores` from the checkpoint's offsets on, and is read from there: so
nothing is asked for or written twice, and there is no bookkeeping that could disagree with the results.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass, field

from aiokafka.structs import TopicPartition

from judge.rescore.tally import NOTHING, Tally, tally_from, tally_of
from pipeline.canonical import dumps, loads
from pipeline.objectstore import ObjectMissing, ObjectStore
from pipeline.replay import Hole, Log
from pipeline.runs import checkpoint_ref
from pipeline.segments import Entry
from schemas.codec import UndecodableRecord, decode
from schemas.records import TraceJudged
from schemas.topics import RESCORES


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The first `position` places of the plan are dealt with and came to `tally`.

    Results of later places lie in `rescores` at these offsets by partition, or after them.
    """

    position: int = 0
    after: Mapping[int, int] = field(default_factory=dict)
    tally: Tally = NOTHING

    async def save(self, store: ObjectStore, run_id: str) -> None:
        """Returns once it is stored. Raises Retryable."""
        after = {str(partition): offset for partition, offset in self.after.items()}
        content = {"after": after, "position": self.position, "tally": self.tally.content()}
        await store.put(checkpoint_ref(run_id), dumps(content))


async def last_checkpoint(store: ObjectStore, run_id: str, at_start: Checkpoint) -> Checkpoint:
    """The last one that was saved; `at_start` where there is none. Raises Retryable."""
    try:
        content = loads(await store.get(checkpoint_ref(run_id)))
    except ObjectMissing:
        return at_start
    after = {int(partition): offset for partition, offset in content["after"].items()}
    return Checkpoint(content["position"], after, tally_from(content["tally"]))


@dataclass(frozen=True, slots=True)
class Known:
    """A result that an earlier process of the run has written: what it came to, and where in `rescores` it lies."""

    tally: Tally
    partition: int
    offset: int


async def done_beyond(log: Log, run_id: str, checkpoint: Checkpoint) -> dict[str, Known]:
    """By trace, the results of a run that its checkpoint does not cover, each once. Raises what reading raises."""
    found: dict[str, Known] = {}
    for place, (first, _next) in (await log.places(RESCORES.name)).items():
        async for entry in _held(log, place, max(first, checkpoint.after.get(place.partition, first))):
            if (record := _judged(entry.value)) and record.run_id == run_id:
                found.setdefault(record.trace_id, Known(tally_of(record), place.partition, entry.offset))
    return found


async def _held(log: Log, place: TopicPartition, first: int) -> AsyncIterator[Entry]:
    """What there is of a partition. What nobody holds any more is asked for again: the same row in the end."""
    while True:
        try:
            async for entry in log.entries(place, first=first):
                first = entry.offset + 1
                yield entry
        except Hole as hole:
            first = hole.end
        else:
            return


def _judged(value: bytes | None) -> TraceJudged | None:
    try:
        record = decode(value)
    except UndecodableRecord:
        return None
    return record if isinstance(record, TraceJudged) else None


class Acknowledged:
    """Where results of places beyond the checkpoint may lie: by unit of work, and by partition after the last one.

    What earlier processes have `done` stays in it until the checkpoint covers it, or a third process would not find it.
    """

    def __init__(self, after: Mapping[int, int], done: Mapping[str, Known]) -> None:
        self._next = dict(after)
        self._done = dict(done)
        self._firsts: dict[int, dict[int, int]] = {}

    def add(self, unit: int, place: TopicPartition, offset: int) -> None:
        """The log has a result of a unit."""
        firsts = self._firsts.setdefault(unit, {})
        firsts[place.partition] = min(offset, firsts.get(place.partition, offset))
        self._next[place.partition] = max(offset + 1, self._next.get(place.partition, 0))

    def retire(self, unit: int, done: Iterable[str]) -> None:
        """The checkpoint covers this unit, and these traces that were done before."""
        self._firsts.pop(unit, None)
        for trace_id in done:
            self._done.pop(trace_id, None)

    def after(self) -> dict[int, int]:
        """By partition of `rescores`, the first offset at which a result that is not covered may lie."""
        found = dict(self._next)
        firsts = [place for unit in self._firsts.values() for place in unit.items()]
        for partition, offset in (*firsts, *((known.partition, known.offset) for known in self._done.values())):
            found[partition] = min(found.get(partition, offset), offset)
        return found
