"""Finished traces in a log and in tables of a test's own, and runs over them as processes."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from pipeline.clickhouse import ClickHouse
from pipeline.clock import now_us
from pipeline.control import ControlView, tail
from pipeline.ids import new_trace_id
from pipeline.kafka import make_consumer, make_producer
from pipeline.runs import Runs
from pipeline.settings import ClickHouseSettings, KafkaSettings
from schemas.codec import decode, encode
from schemas.records import Record, TraceAssembled, TraceJudged
from schemas.topics import RESCORES, TRACE_ASSEMBLED, Topic
from sinks.blocks import Entry, block_of, columns
from sinks.rows import Position, rows_of
from tests.support import log
from tests.support.finished import example_document
from tests.support.judging import assembled, careful_session
from tests.support.stack import ANALYST_PASSWORD

ROOT = Path(__file__).parents[2]
PLAIN = {"OPENAI_API_KEY": "", "OPENAI_BASE_URL": "", "JUDGE_RUBRIC": "", "JUDGE": "", "OBJECT_STORE": "folder"}


class Rescoring:
    """Writes finished traces, starts runs over them, reads their results."""

    def __init__(self, kafka: KafkaSettings, clickhouse: ClickHouseSettings, folder: Path) -> None:
        self.kafka, self.settings, self.folder = kafka, clickhouse, folder
        self.producer, self.clickhouse = make_producer(kafka), ClickHouse(clickhouse)
        self._inserted = 0

    async def write(self, count: int, project: str = "default", revision: int = 1) -> list[TraceAssembled]:
        """So many finished traces, in the log and in the tables."""
        fields = {"project": project, "revision": revision}
        traces = [self.trace(number, **fields) for number in range(count)]
        await self.append(traces)
        return traces

    def trace(self, number: int, **fields: Any) -> TraceAssembled:
        """One of its own, not written yet."""
        made = assembled(careful_session(), number)
        return replace(made, trace_id=new_trace_id(now_us()), **fields)

    async def append(self, traces: Sequence[TraceAssembled]) -> None:
        """Write these."""
        sent = [await self.producer.send(TRACE_ASSEMBLED.name, encode(t), key=t.trace_id.encode()) for t in traces]
        places = await asyncio.gather(*sent)
        at = [Position(TRACE_ASSEMBLED.name, placed.partition, placed.offset) for placed in places]
        self._insert([rows_of(trace, place, example_document()) for trace, place in zip(traces, at, strict=True)])

    def _insert(self, rows: list[Any]) -> None:
        self._inserted += 1
        block = block_of("test", self._inserted, [Entry(number, made) for number, made in enumerate(rows)])
        for table, held in block.rows.items():
            self.clickhouse.insert(table, *columns(held), block.token(table))

    async def sink(self, topic: Topic = RESCORES) -> None:
        """Put all results of a topic into the tables, as the sink would; again where it has them already."""
        judged = [(decode(found.value), found) for found in await log.records(self.kafka, topic)]
        if judged:
            self._insert([rows_of(record, Position(topic.name, at.partition, at.offset)) for record, at in judged])

    async def results(self, run_id: str) -> list[TraceJudged]:
        """What the log has of a run."""
        records: list[Record] = [decode(found.value) for found in await log.records(self.kafka, RESCORES)]
        return [record for record in records if isinstance(record, TraceJudged) and record.run_id == run_id]

    async def runs(self) -> Runs:
        """The runs of now."""
        return (await self.control()).runs

    async def control(self) -> ControlView:
        """What `control` says now."""
        consumer = make_consumer(self.kafka)
        try:
            async for view in tail(consumer):
                return view
        finally:
            await consumer.stop()
        raise AssertionError

    def environment(self, **more: str) -> dict[str, str]:
        """What a command needs to find all of it."""
        return {
            **os.environ,
            **PLAIN,
            "KAFKA_BOOTSTRAP": self.kafka.kafka_bootstrap,
            "CLICKHOUSE_URL": self.settings.clickhouse_url,
            "CLICKHOUSE_DATABASE": self.settings.clickhouse_database,
            "CLICKHOUSE_ANALYST_PASSWORD": ANALYST_PASSWORD,
            "OBJECT_STORE_DIR": str(self.folder / "objects"),
            "PR_TELEMETRY_HOME": str(self.folder / "home"),
            **more,
        }

    def start(self, what: str, request: dict[str, Any], **environment: str) -> subprocess.Popen[bytes]:
        """`python -m judge.rescore` at work."""
        process = subprocess.Popen(
            [sys.executable, "-m", "judge.rescore", what],
            env=self.environment(**environment),
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        assert process.stdin is not None
        process.stdin.write(json.dumps({"by": "cli/test", **request}).encode())
        process.stdin.close()
        process.stdin = None
        return process

    async def finish(self, process: subprocess.Popen[bytes], timeout_s: float = 90) -> tuple[int, dict[str, Any], str]:
        """Its exit status, what it printed, and what it said beside."""
        out, err = await asyncio.to_thread(process.communicate, timeout=timeout_s)
        return process.returncode, json.loads(out or b"{}"), err.decode()

    async def run(self, what: str, request: dict[str, Any], **environment: str) -> tuple[int, dict[str, Any], str]:
        """From its start to its end."""
        return await self.finish(self.start(what, request, **environment))

    async def kill(self, process: subprocess.Popen[bytes]) -> None:
        """kill -9; returns once all that it had started is gone, too, as that holds its output open."""
        process.send_signal(signal.SIGKILL)
        await asyncio.to_thread(process.communicate, timeout=30)
