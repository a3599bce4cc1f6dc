"""One partition on its way into ClickHouse: when its next block is cut, and what may be committed. Pure; time is given.

A block lingers a moment for company. On average there is one in INTERVAL_S, because many small blocks are what slows
ClickHouse down; after a quiet time BURST of them may follow each other, so that few records are not kept waiting for a
rule against many. A partition that was taken over in the middle of a block repeats exactly that block first.
"""

from collections import deque

from aiokafka.structs import ConsumerRecord

from sinks.backoff import Backoff
from sinks.blocks import MAX_BYTES, MAX_ROWS, Block, Entry, block_of, plan, planned_prefix, prefix

LINGER_S = 0.1
INTERVAL_S = 1.0
BURST = 3
Commit = tuple[int, str]
"""(next offset, metadata)"""


class Partition:
    """Records come in as `raw`, are opened to be entries, then a block. Times are seconds of one monotonic clock."""

    def __init__(self, topic: str, partition: int) -> None:
        self._topic, self._partition = topic, partition
        self.raw: deque[ConsumerRecord] = deque()
        self.opening = Backoff()
        self.block: Block | None = None
        self._entries: list[Entry] = []
        self._planned: int | None = None
        self._due = 0.0
        self._spent_until = 0.0
        self.rows = self.size = 0

    @property
    def recovering(self) -> bool:
        """A block that was planned earlier is not complete yet; it must not be kept from the rest of its records."""
        return self._planned is not None and self.block is None

    @property
    def full(self) -> bool:
        """There are entries enough for a block."""
        return self.rows >= MAX_ROWS or self.size >= MAX_BYTES

    @property
    def takes(self) -> bool:
        """More records may be opened: while a block waits for ClickHouse the others stay as small as they came."""
        return not self.block and (self.recovering or not self.full)

    def recover(self, planned: int | None) -> None:
        """What the last commit said: the last offset of a block that may be half inserted, or None."""
        self._planned = planned

    def add(self, entry: Entry, now: float) -> None:
        """Take the next record of the partition."""
        if entry.count and not self.rows:
            self._due = now + LINGER_S
        self._entries.append(entry)
        self.rows += entry.count
        self.size += entry.size

    def cut(self, now: float) -> Commit | None:
        """Form the next block if it is time; what to commit before its insertion, or instead of it if it is empty."""
        length = self._length(now)
        if not length:
            return None
        block = block_of(self._topic, self._partition, self._entries[:length])
        del self._entries[:length]
        self.rows = sum(entry.count for entry in self._entries)
        self.size = sum(entry.size for entry in self._entries)
        self._planned = None
        self._due = now
        if not block.rows:
            return block.last + 1, ""
        self.block = block
        self._spent_until = max(self._spent_until, now) + INTERVAL_S
        return block.first, plan(block.last)

    def inserted(self) -> Commit:
        """The block is in all its tables: what to commit."""
        assert self.block
        done = self.block.last + 1
        self.block = None
        return done, ""

    def _length(self, now: float) -> int:
        if self.block:
            return 0
        if self._planned is not None and self._entries and self._entries[0].offset <= self._planned:
            return planned_prefix(self._entries, self._planned)
        spent = self._spent_until > now + (BURST - 1) * INTERVAL_S
        if spent or (now < self._due and not self.full):
            return 0
        return prefix(self._entries)
