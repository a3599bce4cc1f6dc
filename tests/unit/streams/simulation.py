"""A world of one broker and one object store in which workers die: deterministic, from a seed, without a clock.

Every await of the assembler's ports is a point at which the process can end, once before the effect and once after it.
What is durable stays: the log, committed offsets, marks, revisions that the broker has, objects.
"""

from __future__ import annotations

import asyncio
import random
from asyncio import Future
from collections import deque
from collections.abc import AsyncIterator, Iterable, Sequence

from aiokafka.structs import ConsumerRecord

from pipeline.deadletter import DeadLetters
from schemas.records import AssemblyProgress, TraceAssembled, TraceExpired
from streams.assembly import Patience
from streams.held import Memory
from streams.leases import Leases, expire
from streams.partition import Assembler
from tests.support.traces import START_US, chain, completed, created
from tests.unit.streams.memory import MemoryLog, Shelf

PARTITIONS = 2
TRACES = 3
ROUNDS = 1000
PATIENCE = Patience(idle_us=3600 * 1_000_000, age_us=10**15)
LATER_US = START_US + 24 * 3600 * 1_000_000
Step = tuple[str, int, int]
"""What a client does: "begin", "chunk" or "end", the trace's number, the chunk's."""


class Crashed(BaseException):
    """The process is gone; nothing in it goes on."""


class Points:
    """Counts the points that were passed, and ends the process at the chosen ones."""

    def __init__(self, crashes: Iterable[int] = ()) -> None:
        self._crashes, self.passed = frozenset(crashes), 0

    def __call__(self) -> None:
        self.passed += 1
        if self.passed in self._crashes:
            raise Crashed


class World:
    """What outlives every process."""

    def __init__(self, room: int, inline_limit: int) -> None:
        self.room, self.inline_limit = room, inline_limit
        self.logs = [MemoryLog(partition=partition) for partition in range(PARTITIONS)]
        self.revisions: list[TraceAssembled] = []
        self.letters: set[tuple[int, int]] = set()
        self.shelf = Shelf()
        self.generation = 0
        self.begun: dict[int, int] = {}

    def do(self, step: Step) -> None:
        """A client's call, acknowledged when this returns."""
        what, number, seq = step
        log = self.logs[number % PARTITIONS]
        if what == "begin":
            self.begun[number] = log.append(created(number)).offset
            return
        sent = chain(chunks_of(number), number, self.begun[number])
        log.append(sent[seq] if what == "chunk" else completed(sent, number, self.begun[number]))


class Worker:
    """A process of the assembler: its ports, with a point before and after each effect."""

    def __init__(self, world: World, points: Points) -> None:
        self._world, self._points, self.generation = world, points, world.generation
        self.leases = Leases(self, Memory(world.room))
        self.dead_letters = DeadLetters(self, "streams", "assembly")
        self._assembler = Assembler(self, self, self, world.inline_limit)
        self._sent: deque[tuple[TraceAssembled, Future[object]]] = deque()

    async def take(self, partition: int, hole: int) -> None:
        """The stream delivers a record, after `hole` records that it left out."""
        lease, log = await self.leases.get(partition, self.generation), self._world.logs[partition]
        if lease.seen < len(log.records):
            await self._assembler.take(lease, log.records[min(lease.seen + hole, len(log.records) - 1)])

    def flush(self, count: int) -> None:
        """The broker has the next so many revisions, and says so."""
        for assembled, out in [self._sent.popleft() for _ in range(min(count, len(self._sent)))]:
            self._world.revisions.append(assembled)
            out.set_result(None)

    async def commit(self) -> None:
        """As the consumer does it: offsets, then the marks that they cover. A member of old is refused."""
        marks = [lease.progress() for lease in self.leases.of(self.generation)]
        self._points()
        if self.generation != self._world.generation:
            return
        for mark in marks:
            self._world.logs[mark.partition].place = mark.committed_offset
            self._points()
        await self.leases.covered(marks, self._mark)

    async def look(self) -> None:
        """Ask about the idle traces, a day after everything."""
        for partition in range(PARTITIONS):
            lease = await self.leases.get(partition, self.generation)
            await expire(lease, PATIENCE, lambda: LATER_US, self._expiry)

    async def _mark(self, mark: AssemblyProgress) -> None:
        self._points()
        self._world.logs[mark.partition].newest = mark
        self._points()

    async def _expiry(self, expired: TraceExpired, partition: int) -> None:
        self._points()
        self._world.logs[partition].append(expired)
        self._points()

    async def read(self, partition: int, start: int, end: int) -> AsyncIterator[ConsumerRecord]:
        async for logged in self._world.logs[partition].read(partition, start, end):
            self._points()
            yield logged

    async def pick(self, partition: int, offsets: Sequence[int]) -> AsyncIterator[ConsumerRecord]:
        async for logged in self._world.logs[partition].pick(partition, offsets):
            self._points()
            yield logged

    async def committed(self, partition: int) -> int:
        self._points()
        return self._world.logs[partition].place

    async def mark(self, partition: int) -> AssemblyProgress | None:
        self._points()
        return self._world.logs[partition].newest

    async def revision(self, assembled: TraceAssembled) -> Future[object]:
        self._points()
        out: Future[object] = asyncio.get_running_loop().create_future()
        self._sent.append((assembled, out))
        self._points()
        return out

    async def send_and_wait(self, topic: str, value: bytes, key: bytes, headers: list[tuple[str, bytes]]) -> None:
        self._points()
        said = dict(headers)
        self._world.letters.add((int(said["dlq-partition"]), int(said["dlq-offset"])))
        self._points()

    async def put(self, key: str, data: bytes) -> None:
        self._points()
        await self._world.shelf.put(key, data)
        self._points()

    async def get(self, key: str) -> bytes:
        return await self._world.shelf.get(key)

    async def exists(self, key: str) -> bool:
        return await self._world.shelf.exists(key)

    async def delete(self, key: str) -> None:
        await self._world.shelf.delete(key)

    async def keys(self, prefix: str) -> list[str]:
        return await self._world.shelf.keys(prefix)


def chunks_of(number: int) -> int:
    """How many chunks the client of a trace sends."""
    return 1 + number % 3


def sessions(chance: random.Random) -> list[Step]:
    """What the clients do: traces interleaved, chunks in any order, some twice, some late, some traces never ended."""
    queues: list[list[Step]] = []
    for number in range(TRACES):
        steps: list[Step] = [("chunk", number, seq) for seq in range(chunks_of(number))]
        steps += chance.sample(steps, chance.randint(0, 1))
        if chance.random() < 0.8:
            steps += [("end", number, 0)] * chance.randint(1, 2)
        chance.shuffle(steps)
        queues.append([("begin", number, 0), *steps])
    order = [number for number, queue in enumerate(queues) for _ in queue]
    chance.shuffle(order)
    return [queues[number].pop(0) for number in order]


class Simulation:
    """One seed, played to its end with crashes at the chosen points."""

    def __init__(self, seed: int, crashes: Iterable[int] = ()) -> None:
        self._chance = random.Random(seed)
        self.world = World(self._chance.choice([0, 1500, 1 << 30]), self._chance.choice([1, 1 << 20]))
        self.points = Points(crashes)
        self._worker, self._zombie = self._start(), None  # type: Worker, Worker | None
        self.crashes = 0

    def _start(self) -> Worker:
        self.world.generation += 1
        return Worker(self.world, self.points)

    async def play(self) -> World:
        """Clients and worker take turns by chance; then the worker finishes everything."""
        for step in sessions(self._chance):
            self.world.do(step)
            if self._chance.random() < 0.1:
                self._poison()
            for _ in range(self._chance.randint(0, 3)):
                await self._turn()
        for _ in range(2 * PARTITIONS * max(len(log.records) for log in self.world.logs) + 2):
            await self._or_crash("take", self._chance.randrange(PARTITIONS), 0)
        await self._heal()
        return self.world

    def _poison(self) -> None:
        self.world.logs[self._chance.randrange(PARTITIONS)].append(b"no record")

    async def _turn(self) -> None:
        what = self._chance.choice(["take"] * 6 + ["flush", "flush", "commit", "commit", "look", "rebalance"])
        await self._or_crash(what, self._chance.randrange(PARTITIONS), self._chance.choice([0, 0, 0, 1, 2]))

    async def _or_crash(self, what: str, partition: int, count: int) -> None:
        try:
            await self._act(what, partition, count)
        except Crashed:
            self.crashes += 1
            # Of what was sent the broker may have the first part, though nobody heard of it.
            self._worker.flush(count)
            self._worker, self._zombie = self._start(), None

    async def _act(self, what: str, partition: int, count: int) -> None:
        match what:
            case "take":
                await self._worker.take(partition, count)
                if self._zombie is not None:
                    await self._zombie.take(partition, count)
                    self._zombie.flush(count)
            case "flush":
                self._worker.flush(count + 1)
            case "commit":
                await self._worker.commit()
            case "look":
                await self._worker.look()
            case "rebalance" if count:
                self.world.generation += 1
                self._worker.generation = self.world.generation
            case _:
                # Partitions move to another process; the old one does not know it yet and goes on for a while.
                self._zombie, self._worker = self._worker, self._start()

    async def _heal(self) -> None:
        for _ in range(ROUNDS):
            if all(log.place == len(log.records) for log in self.world.logs):
                return
            for partition in range(PARTITIONS):
                await self._or_crash("take", partition, 0)
            self._worker.flush(len(self.world.revisions) + 100)
            await self._or_crash("commit", 0, 0)
        raise AssertionError("the worker does not get to the end of the log")
