"""The budget of live judging: so much a day (UTC), over all judge processes and all their restarts.

What was spent is read from the scores in the log; what this process has paid for and not yet written is added. Other
processes' calls that are under way are not known, so the cap is passed by at most those.
"""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from aiokafka import AIOKafkaConsumer
from aiokafka.structs import TopicPartition

from judge.budget import Budget, BudgetReached, usd
from judge.judging import LIVE
from pipeline.clock import Clock
from pipeline.kafka import make_consumer
from pipeline.kafka import start as connect
from pipeline.logreader import bounds
from pipeline.settings import KafkaSettings
from pipeline.telemetry import logger
from schemas.codec import UndecodableRecord, decode
from schemas.records import TraceJudged
from schemas.topics import TRACE_JUDGED

POLL_MS = 500
LOOK_S = 5.0
log = logger(__name__)


class DailyBudget(Budget):
    """`cap_nano` nano-dollars a day; nothing may be spent before the log was read."""

    def __init__(self, cap_nano: int, clock: Clock) -> None:
        super().__init__(cap_nano)
        self._clock, self._day = clock, ""
        self._unwritten_nano = 0
        self.known = asyncio.Event()

    def check(self) -> None:
        """Raises BudgetReached where nothing is left of today."""
        self._today()
        try:
            super().check()
        except BudgetReached:
            raise BudgetReached(
                f"the budget of {self._day} is spent: {usd(self.spent_nano)} of {usd(self.cap_nano or 0)}."
                " Judging goes on at 00:00 UTC, or after a start with a higher JUDGE_BUDGET_USD; no trace is lost"
            ) from None

    def spend(self, nano: int) -> None:
        """Something was paid, whose score is not in the log yet."""
        self._today()
        self._unwritten_nano += nano
        super().spend(nano)

    def written(self, judged: TraceJudged) -> None:
        """A score of this process is in the log: what it cost is counted from there."""
        written = min(judged.cost_nano_usd or 0, self._unwritten_nano)
        self._unwritten_nano -= written
        self.spent_nano -= written

    def read(self, judged: TraceJudged) -> None:
        """A score of any process was read from the log."""
        self._today()
        if judged.run_id == LIVE and _day(judged.started_at_us) == self._day:
            self.spent_nano += judged.cost_nano_usd or 0

    async def replenished(self) -> None:
        """Returns when there is something left again."""
        while True:
            try:
                return self.check()
            except BudgetReached:
                await asyncio.sleep(LOOK_S)

    def midnight_ms(self) -> int:
        """When the day began, milliseconds since the epoch."""
        self._today()
        return int(datetime.fromisoformat(self._day).replace(tzinfo=UTC).timestamp() * 1000)

    def _today(self) -> None:
        if self._day != (today := _day(self._clock())):
            self._day, self.spent_nano = today, self._unwritten_nano


def _day(at_us: int) -> str:
    return (datetime.fromtimestamp(0, UTC) + timedelta(microseconds=at_us)).date().isoformat()


async def follow(kafka: KafkaSettings, budget: DailyBudget) -> None:
    """Tell the budget what every score of today has cost, and go on; sets `known` at what is the end of the log now."""
    ends = {place: end for place, (_, end) in (await bounds(kafka, TRACE_JUDGED.name)).items()}
    consumer = make_consumer(kafka)
    consumer.assign(list(ends))
    try:
        await connect(consumer)
        found = await consumer.offsets_for_times(dict.fromkeys(ends, budget.midnight_ms()))
        for place, end in ends.items():
            consumer.seek(place, found[place].offset if found[place] else end)
        while True:
            await _read(consumer, budget)
            if not budget.known.is_set() and await _reached(consumer, ends):
                log.info("spent today", usd=usd(budget.spent_nano), budget=usd(budget.cap_nano or 0))
                budget.known.set()
    finally:
        await consumer.stop()


async def _read(consumer: AIOKafkaConsumer, budget: DailyBudget) -> None:
    for records in (await consumer.getmany(timeout_ms=POLL_MS)).values():
        for logged in records:
            with suppress(UndecodableRecord):
                if logged.value is not None and isinstance(judged := decode(logged.value), TraceJudged):
                    budget.read(judged)


async def _reached(consumer: AIOKafkaConsumer, ends: Mapping[TopicPartition, int]) -> bool:
    return all([await consumer.position(place) >= end for place, end in ends.items()])
