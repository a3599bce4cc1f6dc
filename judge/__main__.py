"""Runs the judge's consumer: `python -m judge`. Settings: JudgeSettings and the shared groups."""

import asyncio

from judge.configured import judge_of_settings
from judge.worker import Live, Scorer
from pipeline.clock import now_us
from pipeline.consumer import consume, stop_on_signals
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
    stop, store = stop_on_signals(), open_store(objects)
    judge = judge_of_settings(settings, store)
    log.info("judging", judge=judge.kind, model=judge.model, judge_digest=judge.digest, rubric=judge.rubric.version)
    producer = make_producer(kafka)

    async def emit(judged: TraceJudged) -> None:
        await producer.send_and_wait(TRACE_JUDGED.name, encode(judged), key=judged.trace_id.encode())

    try:
        await start(producer)
        live = Live(Scorer(judge, store, now_us), emit)
        step = Each(live.handle, DeadLetters(producer, GROUP, GROUP), settings.judge_parallel)
        await consume(make_consumer(kafka, group=GROUP), [TRACE_ASSEMBLED.name], step, stop)
    finally:
        await producer.stop()
        await judge.close()


def main() -> None:
    """Read the settings, then run."""
    configure_logs("judge", load(LogSettings).log_level)
    asyncio.run(run(load(JudgeSettings), load(KafkaSettings), load(ObjectStoreSettings)))


if __name__ == "__main__":
    main()
