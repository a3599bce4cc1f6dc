"""Erased means gone: open, finished, with files, with a score under way; and a replay of all topics changes nothing."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator

import pytest
from aiokafka.structs import TopicPartition

from benchmarks.stack import Stack, own_stack
from benchmarks.traffic import EVENTS, small_events, small_session
from clients.http import TelemetryClient
from clients.problems import ApiProblem
from clients.session import TraceUpload, open_trace, submit, wait_for
from pipeline.kafka import make_consumer
from pipeline.logreader import bounds
from pipeline.settings import KafkaSettings
from schemas.topics import RESCORES, TRACE_ASSEMBLED, TRACE_JUDGED, TRACE_LOG, TRACE_VALIDATED
from tests.support.ports import accepts_connections
from tests.support.processes import running
from tests.support.stack import kafka_command

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(400)]
GROUPS = ("streams", "sandbox", "judge", "sinks", "eraser", "archiver", "notary")
REPLAYED = (TRACE_LOG, TRACE_ASSEMBLED, TRACE_VALIDATED, TRACE_JUDGED, RESCORES)
SMALLEST_INLINE = {"INLINE_DOCUMENT_BYTES": "1"}


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    """A stack of this module's own, since it is stopped and replayed; every document lies in its object store."""
    with own_stack(SMALLEST_INLINE) as running_stack:
        yield running_stack


def _with_files(client: TelemetryClient, number: int) -> TraceUpload:
    """A trace with a chunk, a log and a workspace, still open."""
    upload = open_trace(client, small_session(number).trace)
    upload.attach("pytest.log", b"1 failed", kind="log")
    upload.attach("repo.bundle", b"no bundle, as it is", kind="workspace")
    upload.send(small_events(number)[:5])
    return upload


def _erase(stack: Stack, *args: str) -> dict[str, object]:
    done = stack.cli("erase", *args, "--yes", "--prove", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    proof: dict[str, object] = json.loads(done.stdout)
    assert proof["proven"] is True
    return proof


def _status_of(stack: Stack, trace_id: str) -> int:
    with stack.client() as client, pytest.raises(ApiProblem) as refused:
        client.get(trace_id)
    return refused.value.status


def _files(stack: Stack, trace_id: str) -> list[str]:
    folder = stack.home.data("objects")
    return [str(path.relative_to(folder)) for path in folder.rglob("*") if trace_id in str(path) and path.is_file()]


def test_erased_traces_are_gone_and_a_replay_does_not_bring_them_back(stack: Stack) -> None:
    with stack.client() as client:
        opened, finished = _with_files(client, 1), _with_files(client, 2)
        finished.complete()
        stays = submit(client, small_session(5)).trace_id
        wait_for(client, finished.trace_id)
        wait_for(client, stays)
        under_way = submit(client, small_session(4)).trace_id
    assert {path.split("/")[0] for path in _files(stack, finished.trace_id)} >= {"artifacts", "workspaces", "documents"}
    erased = [opened.trace_id, finished.trace_id, under_way]
    assert _erase(stack, *erased)["trace_ids"] == erased
    for trace_id in erased:
        assert _status_of(stack, trace_id) == 410
        assert _files(stack, trace_id) == [f"erasures/{trace_id}"]
    _replay_everything(stack)
    again = _erase(stack, *erased)
    assert {held["topic"] for held in again["kafka"]} >= {TRACE_LOG.name, TRACE_ASSEMBLED.name}  # type: ignore[attr-defined]
    assert all(_files(stack, trace_id) == [f"erasures/{trace_id}"] for trace_id in erased)
    with stack.client() as client:
        assert len(wait_for(client, stays)["events"]) == EVENTS
    assert stack.clickhouse().rows("SELECT trace_id FROM v1_traces") == [{"trace_id": stays}]


def _replay_everything(stack: Stack) -> None:
    """Every group reads every topic again, from the beginning to the end of now."""
    assert stack.cli("down").returncode == 0
    port = int(stack.environ["KAFKA_PORT"])
    kafka = KafkaSettings(kafka_bootstrap=f"127.0.0.1:{port}")
    command = kafka_command(port, stack.home.data("kafka"))
    with running(command, stack.home.root / "replay.log", lambda: accepts_connections(port)):
        ends = asyncio.run(_rewind(kafka))
    assert stack.cli("up").returncode == 0
    asyncio.run(_until_read(kafka, ends))


async def _rewind(kafka: KafkaSettings) -> dict[TopicPartition, int]:
    held = {place: end for topic in REPLAYED for place, (_, end) in (await bounds(kafka, topic.name)).items()}
    for group in GROUPS:
        consumer = make_consumer(kafka, group=group)
        consumer.assign(list(held))
        await consumer.start()
        await consumer.commit(dict.fromkeys(held, (0, "")))
        await consumer.stop()
    return held


async def _until_read(kafka: KafkaSettings, ends: dict[TopicPartition, int]) -> None:
    consumer, deadline = make_consumer(kafka, group="sinks"), time.monotonic() + 60
    consumer.assign(list(ends))
    await consumer.start()
    try:
        while behind := [place for place, end in ends.items() if (await consumer.committed(place) or 0) < end]:
            assert time.monotonic() < deadline, behind
            await asyncio.sleep(0.2)
    finally:
        await consumer.stop()


def test_all_of_a_participant_is_erased_at_once(stack: Stack) -> None:
    with stack.client() as client:
        first, second = (submit(client, small_session(number)).trace_id for number in (10, 17))
        other = submit(client, small_session(11)).trace_id
        wait_for(client, first)
        wait_for(client, other)
    proof = _erase(stack, "--participant", "participant-3", "--project", "default")
    assert proof["trace_ids"] == sorted([first, second])
    assert [_status_of(stack, trace_id) for trace_id in (first, second)] == [410, 410]
    with stack.client() as client:
        assert client.get(other)


def test_wrong_usage_and_an_unknown_trace_are_said(stack: Stack) -> None:
    assert stack.cli("erase", "--yes").returncode == 2
    unknown = stack.cli("erase", "trace-" + "0" * 32, "--yes")
    assert (unknown.returncode, "no such trace" in unknown.stderr) == (1, True)
    assert stack.cli("erase", "trace-" + "0" * 32).returncode == 1
