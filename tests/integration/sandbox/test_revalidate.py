"""Stored traces are validated again beside the live results, once each, whatever is killed in between."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from pipeline.clickhouse import ClickHouse, QueryFailed
from pipeline.clock import now_us
from pipeline.ids import new_trace_id
from pipeline.kafka import make_producer
from pipeline.logreader import since
from pipeline.selection import Selection, traces_of
from pipeline.settings import ClickHouseSettings, KafkaSettings
from schemas import records
from schemas.codec import decode, encode
from schemas.records import Record, TraceAssembled, TraceValidated
from schemas.topics import TRACE_ASSEMBLED, TRACE_VALIDATED
from sinks.blocks import Entry, block_of, columns
from sinks.migrate import migrate
from sinks.rows import Position, rows_of
from tests.support.finished import example, example_document
from tests.support.sandbox import FIXED, START, Repository, assembled, edits
from tests.support.stack import ANALYST_PASSWORD

pytestmark = pytest.mark.integration
ROOT = Path(__file__).parents[3]
TESTS = (
    records.TestOutcome(
        id="tests/test_calc.py::test_add", before="failed", after="passed", category="fail_to_pass", suite="original"
    ),
    records.TestOutcome(
        id="tests/test_calc.py::test_sub", before="passed", after="passed", category="pass_to_pass", suite="original"
    ),
)


@pytest.fixture
def clickhouse_settings(clickhouse_url: str, clickhouse_database: str) -> ClickHouseSettings:
    settings = ClickHouseSettings(
        clickhouse_url=clickhouse_url,
        clickhouse_database=clickhouse_database,
        clickhouse_analyst_password=ANALYST_PASSWORD,
    )
    migrate(settings)
    return settings


class Lab:
    """Traces in the log and in the tables, and runs over them."""

    def __init__(
        self, kafka: KafkaSettings, settings: ClickHouseSettings, repository: Repository, folder: Path
    ) -> None:
        self.kafka, self.settings, self.repository, self.folder = kafka, settings, repository, folder
        self.producer = make_producer(kafka)
        self.clickhouse = ClickHouse(settings)

    async def trace(self, **live: Any) -> str:
        """A trace with a right fix, in the log and in the tables; `live` says what was found of it before."""
        trace_id = new_trace_id(now_us())
        events = edits(START, {"calc.py": FIXED})
        record = assembled("https://example.com/team/calc.git", self.repository.commit, events, trace_id=trace_id)
        sent = await self.producer.send_and_wait(TRACE_ASSEMBLED.name, encode(record), key=trace_id.encode())
        self._insert(record, Position(TRACE_ASSEMBLED.name, sent.partition, sent.offset))
        if live:
            validation = example(TraceValidated, trace_id, **({"tests": TESTS} | live))
            self._insert(validation, Position(TRACE_VALIDATED.name, sent.partition, sent.offset))
        return trace_id

    def _insert(self, record: Record, at: Position) -> None:
        document = example_document() if isinstance(record, TraceAssembled) else None
        block = block_of(at.topic, at.partition, [Entry(at.offset, rows_of(record, at, document))])
        for table, rows in block.rows.items():
            self.clickhouse.insert(table, *columns(rows), block.token(table))

    def start(self, run_id: str, trace_ids: list[str], docker_host: str) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            [sys.executable, "-m", "sandbox.revalidate", "--run", run_id],
            env={
                **os.environ,
                "KAFKA_BOOTSTRAP": self.kafka.kafka_bootstrap,
                "CLICKHOUSE_URL": self.settings.clickhouse_url,
                "CLICKHOUSE_DATABASE": self.settings.clickhouse_database,
                "DOCKER_HOST": docker_host,
                "OBJECT_STORE_DIR": str(self.folder / "objects"),
                "SANDBOX_REPOS_DIR": str(self.repository.folder.parent),
                "SANDBOX_MEMORY_MB": "256",
            },
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        assert process.stdin is not None
        process.stdin.write("\n".join(trace_ids).encode())
        process.stdin.close()
        process.stdin = None
        return process

    async def finish(self, process: subprocess.Popen[bytes]) -> tuple[int, dict[str, Any]]:
        out, err = await asyncio.to_thread(process.communicate, timeout=90)
        assert out, err.decode()
        return process.returncode, json.loads(out)

    async def results(self, run_id: str) -> list[TraceValidated]:
        """What the log has of a run."""
        records = [decode(logged.value) async for logged in since(self.kafka, TRACE_VALIDATED.name)]
        return [record for record in records if isinstance(record, TraceValidated) and record.run_id == run_id]


@pytest.fixture
async def lab(
    kafka: KafkaSettings, clickhouse_settings: ClickHouseSettings, repository: Repository, tmp_path: Path
) -> AsyncIterator[Lab]:
    made = Lab(kafka, clickhouse_settings, repository, tmp_path)
    await made.producer.start()
    yield made
    await made.producer.stop()
    made.clickhouse.close()


async def test_a_killed_run_goes_on_and_says_what_is_reproduced(lab: Lab, docker_host: str) -> None:
    ids = [await lab.trace(verdict="fixed"), await lab.trace(verdict="flaky", level=None), await lab.trace()]
    gone = new_trace_id(now_us())
    process = lab.start("again", [*ids, gone], docker_host)
    deadline = time.monotonic() + 60
    while not await lab.results("again"):
        assert process.poll() is None, process.communicate()[1].decode()
        assert time.monotonic() < deadline
        await asyncio.sleep(0.1)
    process.kill()
    process.communicate()
    status, told = await lab.finish(lab.start("again", [*ids, gone], docker_host))
    assert (status, told["unreadable"]) == (1, [gone])
    assert told["already"] >= 1
    assert told["already"] + told["validated"] == 3
    results = {result.trace_id: result for result in await lab.results("again")}
    assert len(await lab.results("again")) == len(results) == 3
    assert [results[id].verdict for id in ids] == ["fixed"] * 3
    assert [(results[id].reproduced, results[id].compared_with) for id in ids] == [
        (True, "live"),
        (False, "live"),
        (None, None),
    ]
    assert results[ids[0]].environment["image_id"].startswith("sha256:")


async def test_without_an_engine_nothing_is_appended(lab: Lab) -> None:
    process = lab.start("engineless", [await lab.trace(verdict="fixed")], "unix:///nonexistent.sock")
    status, told = await lab.finish(process)
    assert (status, told["validated"]) == (3, 0)
    assert await lab.results("engineless") == []


async def test_a_selection_finds_its_traces_and_can_do_no_harm(lab: Lab) -> None:
    fixed = sorted([await lab.trace(verdict="fixed") for _ in range(4)])
    flaky = await lab.trace(verdict="flaky", level=None)
    analyst = ClickHouse(lab.settings, analyst=True)

    def found(**asked: Any) -> list[str]:
        return traces_of(analyst, Selection(**asked))

    try:
        assert found() == sorted([*fixed, flaky])
        assert found(verdicts=("flaky",)) == [flaky]
        assert found(where="trace_id != '" + flaky + "' -- not this one", trace_ids=(flaky, fixed[0])) == [fixed[0]]
        assert found(projects=("other",)) == found(since_ms=1) == []
        assert found(until_ms=1) == found(projects=("default",))
        sample = found(sample=2, seed=3)
        assert len(sample) == 2
        assert sample == found(sample=2, seed=3)
        assert {tuple(found(sample=2, seed=seed)) for seed in range(9)} > {tuple(sample)}
        with pytest.raises(QueryFailed):
            found(where="1) SETTINGS readonly=0 -- (")
        with pytest.raises(QueryFailed):
            found(where="no_such_column = 1")
        for widening in ("1) OR (1", "1 -- so)\n) OR (1", "1 LIMIT 1", "1 UNION ALL SELECT ''", "'", "/*", "1;"):
            with pytest.raises(QueryFailed, match=r"(?i)syntax error"):
                found(trace_ids=(flaky,), where=widening)
        assert found(trace_ids=(flaky,), where="/* ) */ trace_id != ') OR (' -- )") == [flaky]
    finally:
        analyst.close()
