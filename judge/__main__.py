"""Runs the judge's consumer: `python -m judge`. Settings: JudgeSettings and the shared groups.

With OPENAI_API_KEY or OPENAI_BASE_URL a model judges, otherwise the heuristic.
"""

import asyncio
from importlib.resources import files

from judge.client import JudgeModel
from judge.heuristics import NoHeuristic
from judge.judges import HeuristicJudge, Judge, ModelJudge
from judge.prompt import BUDGET_BYTES
from judge.rubric import BadRubric, Rubric
from judge.rubric import load as load_rubric
from judge.worker import Scorer
from pipeline.clock import now_us
from pipeline.consumer import consume, stop_on_signals
from pipeline.deadletter import DeadLetters
from pipeline.each import Each
from pipeline.errors import BadSetting
from pipeline.kafka import make_consumer, make_producer, start
from pipeline.objectstore import ObjectStore
from pipeline.s3store import open_store
from pipeline.settings import JudgeSettings, KafkaSettings, LogSettings, ObjectStoreSettings, load
from pipeline.telemetry import configure_logs, logger
from schemas.codec import encode
from schemas.records import TraceJudged
from schemas.topics import TRACE_ASSEMBLED, TRACE_JUDGED

GROUP = "judge"
log = logger(__name__)


def rubric_of(settings: JudgeSettings) -> Rubric:
    """The rubric that the settings name. Raises BadSetting."""
    path = settings.judge_rubric or files("judge") / "rubrics" / "rubric-1.0.yaml"
    try:
        return load_rubric(path.read_text())
    except (OSError, UnicodeDecodeError, BadRubric) as error:
        raise BadSetting(f"JUDGE_RUBRIC: {path} cannot be used: {error}") from None


def judge_of(settings: JudgeSettings, store: ObjectStore) -> Judge:
    """The judge that the settings ask for. Raises BadSetting."""
    rubric = rubric_of(settings)
    if settings.openai_api_key or settings.openai_base_url:
        key, url = settings.openai_api_key, settings.openai_base_url
        return ModelJudge(
            rubric, JudgeModel(settings.judge_model, key, url, settings.judge_timeout_s), store, BUDGET_BYTES
        )
    try:
        return HeuristicJudge(rubric)
    except NoHeuristic as error:
        raise BadSetting(f"JUDGE_RUBRIC: {error}; set OPENAI_API_KEY or OPENAI_BASE_URL for it") from None


async def run(settings: JudgeSettings, kafka: KafkaSettings, objects: ObjectStoreSettings) -> None:
    """Judge until told to stop."""
    stop, store = stop_on_signals(), open_store(objects)
    judge = judge_of(settings, store)
    log.info("judging", judge=judge.kind, model=judge.model, judge_digest=judge.digest, rubric=judge.rubric.version)
    producer = make_producer(kafka)

    async def emit(judged: TraceJudged) -> None:
        await producer.send_and_wait(TRACE_JUDGED.name, encode(judged), key=judged.trace_id.encode())

    try:
        await start(producer)
        scorer = Scorer(judge, store, emit, now_us)
        step = Each(scorer.handle, DeadLetters(producer, GROUP, GROUP), settings.judge_parallel)
        await consume(make_consumer(kafka, group=GROUP), [TRACE_ASSEMBLED.name], step, stop)
    finally:
        await producer.stop()


def main() -> None:
    """Read the settings, then run."""
    configure_logs("judge", load(LogSettings).log_level)
    asyncio.run(run(load(JudgeSettings), load(KafkaSettings), load(ObjectStoreSettings)))


if __name__ == "__main__":
    main()
