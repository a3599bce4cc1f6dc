"""One run at work: from its last checkpoint until it is done or held, and what is said of it on `control`."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AsyncExitStack, closing, contextmanager
from dataclasses import dataclass, field
from typing import Any

from aiokafka import AIOKafkaProducer

from judge.budget import Budget, BudgetReached
from judge.configured import BadJudge, JudgeConfig, judge_of
from judge.judging import Judge
from judge.rescore.cache import Cache
from judge.rescore.checkpoint import Checkpoint, done_beyond, last_checkpoint
from judge.rescore.engine import Engine
from judge.rescore.lease import Lease, Taken
from judge.rescore.plan import Plan, unpack
from judge.rescore.planning import Servers, parallel_of, producing, runs_from
from judge.rescore.reading import planned
from judge.rescore.request import Asked, BadRequest, Request, asked_in
from judge.rescore.scoring import Grading, InProcesses, OnLoop, Scoring, make_pool
from judge.rescore.showing import Showing, say
from judge.rubric import Rubric
from pipeline.canonical import loads
from pipeline.clickhouse import ClickHouse
from pipeline.clock import now_us
from pipeline.errors import Refused
from pipeline.kafka import make_consumer
from pipeline.objectstore import ObjectMissing
from pipeline.runs import CANCELLED, DONE, FAILED, GOES_ON, PAUSED, Runs, plan_ref
from schemas.records import RunManifest

FAULTS_TOLD = 20


@dataclass(frozen=True, slots=True)
class Ended:
    """How a run stands when its process ends."""

    run_id: str
    state: str
    reason: str
    traces: int
    checkpoint: Checkpoint
    seconds: float
    faults: Sequence[str] = ()

    def document(self) -> dict[str, Any]:
        """As a JSON value."""
        return {
            "run": self.run_id,
            "state": self.state,
            "reason": self.reason,
            "traces": self.traces,
            "dealt_with": self.checkpoint.position,
            **self.checkpoint.tally.told(),
            "seconds": round(self.seconds, 2),
            "faults": list(self.faults[:FAULTS_TOLD]),
            "done": self.state == DONE,
        }


@dataclass(frozen=True, slots=True)
class _Parts:
    """What a run is made of, from its manifest."""

    manifest: RunManifest
    plan: Plan
    judge: Judge
    config: JudgeConfig
    budget: Budget
    asked: Asked


@dataclass(slots=True)
class Run:
    """One run. `request` may ask for another number at once and another budget than at its start."""

    servers: Servers
    run_id: str
    request: Request
    faults: list[str] = field(default_factory=list)

    async def to_the_end(self, new: bool) -> Ended:
        """Work until it is done or held; `new`: nobody else can know of it. Raises BadRequest, Taken; what else goes
        wrong is the state of the run, and raised too."""
        async with AsyncExitStack() as opened:
            producer = await opened.enter_async_context(producing(self.servers.kafka))
            consumer = make_consumer(self.servers.kafka)
            opened.push_async_callback(consumer.stop)
            runs = await runs_from(consumer)
            manifest = self._manifest(runs)
            asked = asked_in(manifest)
            budget = Budget(asked.budget_nano if self.request.budget_nano is None else self.request.budget_nano)
            parts = _Parts(manifest, await self._plan(manifest), *self._judge(manifest, budget), budget, asked)
            opened.push_async_callback(parts.judge.close)
            lease = Lease(consumer, producer, runs, self.run_id, self.request.by, now_us)
            await lease.claim(others=not new)
            return await self._leased(parts, lease, producer)

    def _manifest(self, runs: Runs) -> RunManifest:
        manifest = runs.manifests.get(self.run_id)
        if manifest is None or manifest.plan_digest is None:
            raise BadRequest(f"no run {self.run_id} that could go on; see `pr-telemetry run list`")
        if (state := runs.state(self.run_id)) not in GOES_ON:
            raise BadRequest(f"run {self.run_id} is {state}: there is nothing to go on with")
        return manifest

    async def _plan(self, manifest: RunManifest) -> Plan:
        try:
            packed = await self.servers.store.get(manifest.plan_ref or plan_ref(self.run_id))
        except ObjectMissing:
            raise BadRequest(
                f"the plan of run {self.run_id} is not in the object store: is OBJECT_STORE the one of its start?"
            ) from None
        return unpack(packed, manifest.plan_digest or "")

    def _judge(self, manifest: RunManifest, budget: Budget) -> tuple[Judge, JudgeConfig]:
        """The judge that the manifest describes, with the secrets of now."""
        rubric = Rubric.model_validate_json(manifest.rubric)
        settings = self.servers.settings
        slots = asyncio.Semaphore(max(settings.judge_calls, self.request.parallel or asked_in(manifest).parallel))
        try:
            config = JudgeConfig.from_description(loads(manifest.judge))
            judge = judge_of(
                config, rubric, self.servers.store, api_key=settings.openai_api_key, budget=budget, slots=slots
            )
        except BadJudge as error:
            raise BadRequest(str(error)) from None
        if judge.digest != manifest.judge_digest:
            raise BadRequest(
                f"the judge of run {self.run_id} is no longer the same: this release has other code or prompts."
                " Go on with the release that began it, or start a new run: what was judged alike costs nothing"
            )
        return judge, config

    async def _leased(self, parts: _Parts, lease: Lease, producer: AIOKafkaProducer) -> Ended:
        """The work while the run is ours; how it ended is said on `control`."""
        began_s = time.monotonic()
        engine: Engine | None = None

        def ended(state: str, reason: str = "") -> Ended:
            checkpoint = engine.checkpoint if engine else Checkpoint()
            seconds, faults = time.monotonic() - began_s, engine.faults if engine else ()
            return Ended(self.run_id, state, reason, parts.manifest.traces, checkpoint, seconds, faults)

        try:
            async with AsyncExitStack() as opened:
                engine = await self._engine(parts, lease, producer, opened)
                whole = await engine.over(planned(self.servers.log, parts.plan, engine.checkpoint.position))
            end = ended(DONE) if whole else ended(*_order(lease))
        except Taken:
            raise
        except (BudgetReached, Refused) as error:
            end = ended(PAUSED, _line(error))
        except Exception as error:
            await lease.leave(FAILED, _detail(ended(FAILED, _line(error))))
            raise
        await lease.leave(end.state, _detail(end))
        lease.check()
        return end

    async def _engine(self, parts: _Parts, lease: Lease, producer: AIOKafkaProducer, opened: AsyncExitStack) -> Engine:
        store, log = self.servers.store, self.servers.log
        at_start = Checkpoint(after=parts.asked.results_from)
        checkpoint = await last_checkpoint(store, self.run_id, at_start)
        done = await done_beyond(log, self.run_id, checkpoint)
        before = sum((known.tally for known in done.values()), checkpoint.tally)
        parts.budget.spend(before.cost_nano_usd)
        showing = opened.enter_context(Showing(self.run_id, parts.manifest.traces, checkpoint.position))
        if done:
            say(f"{checkpoint.position} traces are dealt with for good, {len(done)} more have their result in the log")

        async def save(made: Checkpoint) -> None:
            await made.save(store, self.run_id)

        engine = Engine(
            scoring=self._scoring(parts, opened),
            cache=self._cache(parts, opened),
            producer=producer,
            lease=lease,
            save=save,
            show=showing.show,
            done=done,
            checkpoint=checkpoint,
        )
        opened.enter_context(_interrupts(lease, engine.drop))
        return engine

    def _scoring(self, parts: _Parts, opened: AsyncExitStack) -> Scoring:
        parallel = parallel_of(self.request.parallel or parts.asked.parallel, parts.config, self.servers.settings)
        if parts.config.kind != "heuristic":
            return OnLoop(parts.judge, self.servers.store, self.run_id, parallel * parts.config.traces_at_once)
        pool = make_pool(parallel)
        opened.callback(pool.shutdown, wait=False, cancel_futures=True)
        return InProcesses(pool, parallel, Grading(parts.manifest.rubric, self.servers.objects, self.run_id))

    def _cache(self, parts: _Parts, opened: AsyncExitStack) -> Cache | None:
        # A look-up takes a tenth of the time of scoring by features (17 events: 0.1 against 1.2 ms of processor time),
        # so it is worth it, unless there was nothing to find. Before a call of a model it always is.
        if not parts.asked.cache or (parts.config.kind == "heuristic" and not parts.asked.known):
            return None
        clickhouse = opened.enter_context(closing(ClickHouse(self.servers.clickhouse)))
        manifest = parts.manifest
        return Cache(clickhouse, manifest.rubric_digest, manifest.judge_digest, self.run_id, now_us)


@contextmanager
def _interrupts(lease: Lease, drop: Callable[[], None]) -> Iterator[None]:
    """The first SIGINT or SIGTERM holds the run, what is under way may end; the second gives that up, too. So does an
    order to cancel."""
    loop = asyncio.get_running_loop()

    def hold() -> None:
        if lease.stop.is_set():
            drop()
        else:
            say("holding the run: what is under way may end; once more gives it up")
        lease.stop.set()

    async def cancel() -> None:
        await lease.stop.wait()
        if lease.order and lease.order.state == CANCELLED:
            drop()

    watching = asyncio.create_task(cancel())
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, hold)
    try:
        yield
    finally:
        watching.cancel()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)


def _order(lease: Lease) -> tuple[str, str]:
    """Why it does not go on, as state and reason."""
    lease.check()
    if lease.order:
        return lease.order.state, f"by {lease.order.changed_by}"
    return PAUSED, "interrupted"


def _line(error: Exception) -> str:
    return " ".join(str(error).split()) or repr(error)


def _detail(ended: Ended) -> dict[str, str]:
    """What the state on `control` says of it."""
    told = {**ended.checkpoint.tally.told(), "dealt_with": ended.checkpoint.position, "reason": ended.reason}
    return {name: str(value) for name, value in told.items() if value not in (None, "")}
