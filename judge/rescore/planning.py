"""From a request to a run: what is selected, what it would take, and the manifest that freezes it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from judge.configured import JudgeConfig
from judge.rescore.estimate import Estimator, sampled, told
from judge.rescore.places import Found, places
from judge.rescore.reading import sample
from judge.rescore.request import BadRequest, Chosen, Request, asked_of, chosen, manifest_of
from pipeline.audit import audit_entry, change_control
from pipeline.clickhouse import ClickHouse, QueryFailed
from pipeline.clock import now_us
from pipeline.control import tail
from pipeline.kafka import make_consumer, make_producer, start
from pipeline.logreader import bounds
from pipeline.objectstore import ObjectStore
from pipeline.replay import Log
from pipeline.runs import NAMES, Runs, is_name, plan_ref, run_key
from pipeline.selection import selection_of, traces_of
from pipeline.settings import ClickHouseSettings, JudgeSettings, KafkaSettings, ObjectStoreSettings
from schemas.records import RunManifest
from schemas.topics import RESCORES


@dataclass(frozen=True, slots=True)
class Servers:
    """What a run reads from and writes to, by the settings."""

    settings: JudgeSettings
    kafka: KafkaSettings
    clickhouse: ClickHouseSettings
    objects: ObjectStoreSettings
    store: ObjectStore

    @property
    def log(self) -> Log:
        return Log(self.store, self.kafka)


def parallel_of(asked: int, config: JudgeConfig, settings: JudgeSettings) -> int:
    """How many traces, or processes, at once: what was asked for, or what suits the judge."""
    return asked or (settings.judge_parallel if config.kind != "heuristic" else os.cpu_count() or 1)


def find(servers: Servers, request: Request, made: Chosen) -> Found:
    """The traces that are selected now. Raises BadRequest, QueryFailed, Retryable."""
    try:
        selection = selection_of(request.selection)
    except TypeError as error:
        raise BadRequest(f"no selection: {error}") from None
    try:
        with closing(ClickHouse(servers.clickhouse, analyst=True)) as analyst:
            ids = traces_of(analyst, selection)
    except QueryFailed as error:
        raise BadRequest(" ".join(str(error).split())) from None
    with closing(ClickHouse(servers.clickhouse)) as clickhouse:
        return places(clickhouse, ids, made.rubric.digest(), made.judge.digest)


async def estimate(servers: Servers, request: Request) -> dict[str, Any]:
    """What the run would take, as a JSON value; nothing is kept. Raises as `find`, and what reading raises."""
    made = chosen(request, servers.settings, servers.store)
    found = await asyncio.to_thread(find, servers, request, made)
    cached = found.known if request.cache else 0
    parallel = parallel_of(request.parallel, made.config, servers.settings)
    entries = await sample(servers.log, found.plan, sampled(found, selection_of(request.selection).seed))
    estimator = Estimator(made.config, made.rubric, servers.objects, servers.store, parallel)
    with closing(ClickHouse(servers.clickhouse)) as clickhouse:
        needed = await estimator.of(entries, len(found.plan) - cached, clickhouse)
    rubric = {"id": made.rubric.id, "version": made.rubric.version, "digest": made.rubric.digest()}
    judge = {**made.config.description(), "digest": made.judge.digest}
    return {
        "traces": len(found.plan),
        "cached": cached,
        "to_judge": len(found.plan) - cached,
        "document_bytes": found.size,
        **told(needed),
        "parallel": parallel,
        "sampled": len(entries),
        "rubric": rubric,
        "judge": judge,
        "done": False,
    }


async def freeze(servers: Servers, request: Request, run_id: str) -> RunManifest:
    """A new run: its plan is stored, then its manifest is on `control`. Raises as `find`, and KafkaError."""
    made = chosen(request, servers.settings, servers.store)
    found = await asyncio.to_thread(find, servers, request, made)
    if not len(found.plan):
        raise BadRequest("no trace is selected")
    ends = {place.partition: end for place, (_, end) in (await bounds(servers.kafka, RESCORES.name)).items()}
    manifest, packed = manifest_of(request, made, found, ends, run_id, now_us())
    asked = {name: str(value) for name, value in asked_of(selection_of(request.selection)).items()}
    detail = {**asked, "traces": str(len(found.plan)), "judge": made.config.name}
    detail["rubric"] = f"{made.rubric.id} {made.rubric.version}"
    entry = audit_entry(request.by, "rescore", f"run/{run_id}", now_us(), manifest.project, detail)
    async with producing(servers.kafka) as producer:
        if run_id in (await known(servers.kafka)).manifests:
            raise BadRequest(
                f"run {run_id} is there already: give another name, or go on with `pr-telemetry run resume {run_id}`"
            )
        await servers.store.put(plan_ref(run_id), packed)
        await change_control(producer, run_key(run_id), manifest, entry)
    return manifest


def checked_name(name: str) -> str:
    """The name, which is good for a run. Raises BadRequest."""
    if not is_name(name):
        raise BadRequest(f"{name!r} is no name for a run: {NAMES}")
    return name


async def known(kafka: KafkaSettings) -> Runs:
    """The runs of now. Raises Refused, KafkaError, OSError or TimeoutError."""
    consumer = make_consumer(kafka)
    try:
        return await runs_from(consumer)
    finally:
        await consumer.stop()


async def runs_from(consumer: AIOKafkaConsumer) -> Runs:
    """The same, with a consumer that goes on from there."""
    async for view in tail(consumer):
        return view.runs
    raise AssertionError("a tail does not end")


@asynccontextmanager
async def producing(kafka: KafkaSettings) -> AsyncIterator[AIOKafkaProducer]:
    """A started producer, stopped at the end. Raises Unreachable, Refused."""
    producer = make_producer(kafka)
    try:
        await start(producer)
        yield producer
    finally:
        await producer.stop()
