"""The law of conservation, checked as records come: each round audits what was consumed since the round before.

A round begins with the oldest trace that was open at the round before it, so that every trace it judges is whole. It is
done by the process that has the first partition of trace-log, and what it finds is logged and in the audit trail.
"""

import asyncio
from collections.abc import Callable

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from pipeline.audit import audit_entry
from pipeline.auditor import Fault, audit, open_since
from pipeline.clickhouse import ClickHouse, QueryFailed
from pipeline.clock import now_us
from pipeline.errors import Invalid, Retryable, Unreachable
from pipeline.replay import Hole, Log
from pipeline.telemetry import logger
from schemas.codec import encode
from schemas.topics import AUDIT_LOG

ACTION = "conservation violated"
log = logger(__name__)


class Auditing:
    """Rounds of the audit. `leads` says whether it is up to this process now."""

    def __init__(
        self,
        records: Log,
        clickhouse: ClickHouse,
        producer: AIOKafkaProducer,
        retention_days: int,
        leads: Callable[[], bool],
    ) -> None:
        self._records, self._clickhouse, self._producer = records, clickhouse, producer
        self._retention_days, self._leads = retention_days, leads
        self._told: set[Fault] = set()

    async def run(self, interval_s: float, stop: asyncio.Event) -> None:
        """A round each interval until told to stop; what cannot be read now is left to the next one."""
        begins = None
        while not stop.is_set():
            try:
                next_begins = await open_since(self._records) if self._leads() else None
                if begins is not None and next_begins is not None:
                    await self._tell(
                        (await audit(self._records, self._clickhouse, self._retention_days, begins)).faults
                    )
                begins = next_begins
            except (Hole, Invalid, Retryable, QueryFailed, Unreachable, KafkaError, OSError) as error:
                log.warning("the audit will be made later", reason=str(error)[:300])
            try:
                await asyncio.wait_for(stop.wait(), interval_s)
            except TimeoutError:
                continue

    async def _tell(self, faults: list[Fault]) -> None:
        for fault in faults:
            if fault not in self._told:
                await self._report(fault)
                self._told.add(fault)

    async def _report(self, fault: Fault) -> None:
        place = {"topic": fault.topic, "partition": str(fault.partition), "offset": str(fault.offset)}
        log.error(ACTION, trace_id=fault.trace_id, what=fault.what, **place)
        entry = audit_entry("sinks", ACTION, f"trace/{fault.trace_id}", now_us(), detail={**place, "what": fault.what})
        await self._producer.send_and_wait(AUDIT_LOG.name, encode(entry), key=entry.project.encode())
