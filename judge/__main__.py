"""Runs the judge's consumer: `python -m judge`. Settings: JudgeSettings and the shared groups."""

import asyncio

from judge.configured import config_of, judge_of_settings
from judge.metrics import Metrics
from judge.prices import in_nano
from judge.spending import DailyBudget, follow
from judge.worker import Live, Scorer
from pipeline.clock import now_us
from pipeline.consumer import consume, stop_on_signals, together, until_stopped
from pipeline.deadletter import DeadLetters
from pipeline.each import Each
from pipeline.kafka import make_consumer, make_producer, start
from pipeline.s3store import open_store
from pipeline.settings import JudgeSettings, KafkaSettings, LogSettings, ObjectStoreSettings, load
from pipeline.telemetry import configure_logs, logger
from schemas.codec import encode
from schemas.records import TraceJudged
from schemas.topics import TRACE_ASSEMBLED, TRACE_JUDGED

GROUP = "judge"
log = logger(__name__)


async def run(settings: JudgeSettings, kafka: KafkaSettings, objects: ObjectStoreSettings) -> None:
    """Judge until told to stop."""
    stop, store, metrics = stop_on_signals(), open_store(objects), Metrics()
    cap_nano = in_nano(settings.judge_budget_usd)
    budget = None if cap_nano is None else DailyBudget(cap_nano, now_us)
    judge = judge_of_settings(settings, store, budget, metrics.called)
    log.info("judging", judge=judge.kind, model=judge.model, judge_digest=judge.digest, rubric=judge.rubric.version)
    producer = make_producer(kafka)

    async def emit(judged: TraceJudged) -> None:
        await producer.send_and_wait(TRACE_JUDGED.name, encode(judged), key=judged.trace_id.encode())

    live = Live(Scorer(judge, store, now_us), emit, budget, metrics)
    at_once = settings.judge_parallel * config_of(settings).traces_at_once
    step = Each(live.handle, DeadLetters(producer, GROUP, GROUP), at_once)
    try:
        await start(producer)
        if settings.judge_metrics_port:
            metrics.serve(settings.judge_metrics_host, settings.judge_metrics_port)
        judging = consume(make_consumer(kafka, group=GROUP), [TRACE_ASSEMBLED.name], step, stop)
        following = (until_stopped(follow(kafka, budget), stop, 0) for budget in [budget] if budget)
        await together(judging, *following)
    finally:
        await producer.stop()
        await judge.close()


def main() -> None:
    """Read the settings, then run."""
    configure_logs("judge", load(LogSettings).log_level)
    asyncio.run(run(load(JudgeSettings), load(KafkaSettings), load(ObjectStoreSettings)))


if __name__ == "__main__":
    main()
