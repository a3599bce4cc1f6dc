"""The judge as a process on a real broker: finished traces in, scores out, with either judge."""

from __future__ import annotations

import asyncio
import itertools
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import httpx2
import pytest
from aiokafka.structs import ConsumerRecord

from pipeline.kafka import ensure_topics, make_consumer, make_producer
from pipeline.objectstore import FolderStore
from pipeline.settings import JudgeSettings, KafkaSettings
from schemas.codec import decode, encode
from schemas.records import TraceAssembled, TraceJudged
from schemas.topics import TRACE_ASSEMBLED, TRACE_JUDGED
from tests.support.judging import RUBRIC, assembled, careful_session
from tests.support.openai_server import Scripted, answer, openai_server
from tests.support.ports import free_port
from tests.support.processes import Process, start

pytestmark = pytest.mark.integration

IDS = [criterion.id for criterion in RUBRIC.criteria]
GOOD = Scripted(answer(IDS))
# Each test has traces of its own; the broker is shared.
_numbers = itertools.count(7_000_000)


def fresh(count: int) -> list[TraceAssembled]:
    """Finished traces that no other test uses."""
    return [assembled(careful_session(), next(_numbers)) for _ in range(count)]


class Bench:
    """Writes finished traces, reads scores, starts judges."""

    def __init__(self, bootstrap: str, folder: Path) -> None:
        self.kafka = KafkaSettings(kafka_bootstrap=bootstrap)
        self.producer = make_producer(self.kafka)
        self.folder = folder

    @contextmanager
    def judge(self, **environment: str) -> Iterator[Process]:
        """A judge from now on; stopped cleanly at the end, so that the next one need not wait for its group."""
        ours = {name.upper(): "" for name in JudgeSettings.model_fields}
        plain = {**ours, "OBJECT_STORE": "folder"}
        places = {"KAFKA_BOOTSTRAP": self.kafka.kafka_bootstrap, "OBJECT_STORE_DIR": str(self.folder)}
        process = start([sys.executable, "-m", "judge"], self.folder / "judge.log", {**plain, **places, **environment})
        try:
            yield process
        finally:
            process.stop()

    def log(self) -> str:
        """What the judges have logged so far."""
        return (self.folder / "judge.log").read_text()

    async def write(self, *traces: TraceAssembled) -> None:
        """Append finished traces to the log."""
        for trace in traces:
            await self.producer.send_and_wait(TRACE_ASSEMBLED.name, encode(trace), key=trace.trace_id.encode())

    async def scores(self, traces: list[TraceAssembled], timeout_s: float = 40) -> list[TraceJudged]:
        """All scores of these traces, once each has one; AssertionError when they do not come."""
        wanted = {trace.trace_id for trace in traces}
        found: list[TraceJudged] = []
        async with make_consumer(self.kafka, TRACE_JUDGED.name) as consumer:
            deadline = time.monotonic() + timeout_s
            while {judged.trace_id for judged in found} < wanted:
                assert time.monotonic() < deadline, (self.folder / "judge.log").read_text()[-3000:]
                for records in (await consumer.getmany(timeout_ms=200)).values():
                    judged = [record for value in records if isinstance(record := decode(value.value), TraceJudged)]
                    found += [record for record in judged if record.trace_id in wanted]
        return found


@pytest.fixture
async def bench(kafka_bootstrap: str, tmp_path: Path) -> AsyncIterator[Bench]:
    made = Bench(kafka_bootstrap, tmp_path)
    await ensure_topics(made.kafka)
    async with made.producer:
        yield made


async def test_finished_traces_get_their_scores_and_sigterm_ends_the_judge_cleanly(bench: Bench) -> None:
    traces = fresh(3)
    with bench.judge() as process:
        await bench.write(*traces)
        judged = await bench.scores(traces)
        assert {(j.judge, j.outcome, j.overall_milli, len(j.grades)) for j in judged} == {
            ("heuristic", "scored", 5000, 6)
        }
        assert await asyncio.to_thread(process.stop) == 0


async def test_a_damaged_trace_is_dead_lettered_and_the_next_one_judged(bench: Bench) -> None:
    broken, good = fresh(2)
    key = broken.trace_id.encode()
    with bench.judge():
        await bench.producer.send_and_wait(TRACE_ASSEMBLED.name, encode(replace(broken, document=b"no zstd")), key=key)
        await bench.producer.send_and_wait(TRACE_ASSEMBLED.name, encode(good), key=key)
        await bench.scores([good])
    async with make_consumer(bench.kafka, TRACE_ASSEMBLED.dlq) as consumer:
        letters: list[ConsumerRecord] = []
        while not letters:
            batches = await consumer.getmany(timeout_ms=500)
            letters = [letter for records in batches.values() for letter in records if letter.key == key]
    assert dict(letters[0].headers)["dlq-group"] == b"judge"


async def test_a_model_judges_after_outages_and_its_exchange_is_kept(bench: Bench) -> None:
    traces = fresh(1)
    with openai_server() as endpoint, bench.judge(OPENAI_BASE_URL=endpoint.base_url, JUDGE_MODEL="local-model"):
        endpoint.script = [Scripted(status=429, headers={"retry-after": "1"}), Scripted(status=503), GOOD]
        await bench.write(*traces)
        [judged] = await bench.scores(traces)
    assert (judged.judge, judged.model, judged.outcome, judged.overall_milli) == (
        "openai",
        "local-model",
        "scored",
        4000,
    )
    assert (judged.prompt_tokens, judged.completion_tokens, len(endpoint.asked)) == (1200, 340, 3)
    assert judged.evidence_ref is not None
    assert await FolderStore(bench.folder).exists(judged.evidence_ref)


async def test_a_useless_reply_is_unscored_with_its_reason(bench: Bench) -> None:
    traces = fresh(1)
    with openai_server() as endpoint, bench.judge(OPENAI_BASE_URL=endpoint.base_url):
        endpoint.script = [Scripted("I would rather talk.")]
        await bench.write(*traces)
        [judged] = await bench.scores(traces)
    assert (judged.calls, judged.prompt_tokens) == (2, 2400)
    assert (judged.outcome, judged.reason, judged.overall_milli, judged.grades) == (
        "unscored",
        "invalid_json",
        None,
        (),
    )


async def test_traces_that_come_together_are_judged_in_one_call(bench: Bench) -> None:
    traces = fresh(8)
    labels = [f"trace_{number}" for number in range(1, 5)]
    with openai_server() as endpoint:
        endpoint.script = [Scripted(answer(IDS, labels=labels))]
        await bench.write(*traces)
        with bench.judge(OPENAI_BASE_URL=endpoint.base_url, JUDGE_MODE="batch"):
            judged = await bench.scores(traces)
        assert len(endpoint.asked) < 8, "each call is about several"
    assert {(j.outcome, j.overall_milli, len(j.grades)) for j in judged} == {("scored", 4000, 6)}
    assert sum(j.prompt_tokens for j in judged) == 1200 * len(endpoint.asked)


async def test_a_panel_judges_live_and_its_metrics_are_served(bench: Bench) -> None:
    traces, port = fresh(2), free_port()
    with openai_server() as endpoint:
        endpoint.rule = lambda body: Scripted(answer(IDS, grade=body["seed"]))
        panel = {"JUDGE": "panel:3xsmall", "JUDGE_METRICS_PORT": str(port)}
        with bench.judge(OPENAI_BASE_URL=endpoint.base_url, **panel):
            await bench.write(*traces)
            judged = await bench.scores(traces)
            async with httpx2.AsyncClient() as http:
                served = (await http.get(f"http://127.0.0.1:{port}/metrics")).text
    assert {(j.judge, j.model, j.overall_milli, j.calls, len(j.jurors)) for j in judged} == {
        ("panel", "small", 2000, 3, 3)
    }
    assert {(grade.votes, grade.spread) for j in judged for grade in j.grades} == {((1, 2, 3), 2)}
    assert 'judge_calls_total{model="small",result="answered"} 6.0' in served
    assert 'judge_tokens_total{kind="prompt",model="small"} 7200.0' in served
    assert 'judge_scores_total{outcome="scored",reason=""} 2.0' in served


async def test_a_spent_budget_pauses_judging_also_after_a_restart_and_no_trace_is_lost(bench: Bench) -> None:
    traces = fresh(6)
    with openai_server() as endpoint:
        endpoint.script = [GOOD]
        # A call has 1,540 tokens, at $1,000 a million.
        priced = {"OPENAI_BASE_URL": endpoint.base_url, "JUDGE_PRICE_IN": "1000", "JUDGE_PRICE_OUT": "1000"}
        capped = {**priced, "JUDGE_BUDGET_USD": "3", "JUDGE_PARALLEL": "1"}
        await bench.write(*traces)
        with bench.judge(**capped) as first:
            await asyncio.to_thread(first.wait_until, lambda: "judging is paused" in bench.log())
            assert len(endpoint.asked) == 2, "two calls of $1.54 pass $3"
        with bench.judge(**capped) as second:
            await asyncio.to_thread(second.wait_until, lambda: bench.log().count("judging is paused") > 1)
            assert len(endpoint.asked) == 2
        assert "JUDGE_BUDGET_USD" in bench.log()
        with bench.judge(**priced, JUDGE_BUDGET_USD="1000"):
            judged = await bench.scores(traces)
    assert {(j.outcome, j.cost_nano_usd) for j in judged} == {("scored", 1_540_000_000)}
    assert len(endpoint.asked) == 6


async def test_kill_9_in_the_middle_loses_no_score(bench: Bench) -> None:
    traces = fresh(24)
    with openai_server() as endpoint:
        endpoint.script = [GOOD, replace(GOOD, delay_s=60)]
        with bench.judge(OPENAI_BASE_URL=endpoint.base_url) as first:
            await bench.write(*traces[:1])
            await bench.scores(traces[:1])
            await bench.write(*traces[1:])
            await asyncio.to_thread(first.wait_until, lambda: len(endpoint.asked) > 1)
            first.kill()
            assert len(endpoint.asked) < len(traces)
        endpoint.script = [GOOD]
        with bench.judge(OPENAI_BASE_URL=endpoint.base_url):
            judged = await bench.scores(traces)
    assert {j.trace_id for j in judged} == {trace.trace_id for trace in traces}
    assert {(j.outcome, j.overall_milli) for j in judged} == {("scored", 4000)}
