"""Which judge the settings ask for, and what identifies it."""

import pickle
from collections.abc import Callable
from pathlib import Path

import pytest

from judge.configured import JudgeConfig, judge_of, judge_of_settings
from judge.judges import HeuristicJudge
from judge.rubric import Rubric
from judge.worker import Live, Scorer, heuristic_result
from pipeline.errors import BadSetting, Invalid
from pipeline.objectstore import FolderStore
from pipeline.settings import JudgeSettings
from schemas.records import TraceJudged
from tests.support.judging import RUBRIC, assembled, careful_session, document
from tests.support.traces import completed


def settings(**fields: object) -> JudgeSettings:
    return JudgeSettings.model_validate({"openai_api_key": None, "openai_base_url": None, **fields})


@pytest.mark.parametrize(
    ("fields", "kind"),
    [({}, "heuristic"), ({"openai_api_key": "k"}, "openai"), ({"openai_base_url": "http://127.0.0.1:1/v1"}, "openai")],
)
def test_a_key_or_an_address_asks_for_the_model(fields: dict[str, object], kind: str, tmp_path: Path) -> None:
    judge = judge_of_settings(settings(**fields), FolderStore(tmp_path))
    assert (judge.kind, judge.model) == (kind, "gpt-4o-mini" if kind == "openai" else None)


@pytest.mark.parametrize("text", [None, "criteria: []"])
def test_a_bad_rubric_file_names_the_setting(text: str | None, tmp_path: Path) -> None:
    path = tmp_path / "rubric.yaml"
    if text:
        path.write_text(text)
    with pytest.raises(BadSetting, match="JUDGE_RUBRIC"):
        judge_of_settings(settings(judge_rubric=path), FolderStore(tmp_path))


def test_a_digest_stands_for_everything_that_determines_the_answers(tmp_path: Path) -> None:
    other = RUBRIC.model_copy(update={"guidance": "Be kind."})

    def of_model(rubric: Rubric = RUBRIC, **fields: object) -> str:
        config = JudgeConfig.model_validate({"kind": "openai", "model": "a", **fields})
        return judge_of(config, rubric, FolderStore(tmp_path)).digest

    digests = [
        HeuristicJudge(RUBRIC).digest,
        HeuristicJudge(other).digest,
        of_model(),
        of_model(model="b"),
        of_model(base_url="http://127.0.0.1:1/v1"),
        of_model(sample=1),
        of_model(sample=2),
        of_model(mode="criterion"),
        of_model(mode="batch"),
        of_model(mode="batch", batch=5),
        of_model(answer_format="text"),
        of_model(event_bytes=200),
        of_model(most_tokens=200),
        of_model(other),
    ]
    assert len(set(digests)) == len(digests)
    assert of_model() == of_model(batch=5) == of_model(timeout_s=9, prompt_price=1)


def ticking() -> Callable[[], int]:
    """A clock that goes on by 10 each time it is looked at."""
    ticks = iter(range(10, 100, 10))
    return lambda: next(ticks)


async def scored(record: object, store: FolderStore) -> TraceJudged:
    out: list[TraceJudged] = []

    async def emit(judged: TraceJudged) -> None:
        out.append(judged)

    await Live(Scorer(HeuristicJudge(RUBRIC), store, ticking()), emit).handle(record)  # type: ignore[arg-type]
    return out[0]


async def test_a_score_says_what_it_is_of_and_where_it_comes_from(tmp_path: Path) -> None:
    trace = assembled(careful_session())
    judged = await scored(trace, FolderStore(tmp_path))
    assert (judged.trace_id, judged.revision, judged.head) == (trace.trace_id, trace.revision, trace.head)
    assert (judged.outcome, judged.overall_milli, judged.run_id) == ("scored", 5000, "live")
    assert (judged.rubric_version, judged.rubric_digest) == ("1.0", RUBRIC.digest())
    assert (judged.started_at_us, judged.duration_us) == (10, 10)


async def test_a_trace_without_events_is_unscored_not_zero(tmp_path: Path) -> None:
    judged = await scored(assembled(document()), FolderStore(tmp_path))
    assert (judged.outcome, judged.reason, judged.overall_milli, judged.grades) == ("unscored", "no_events", None, ())


@pytest.mark.parametrize("doc", [careful_session(), document()])
async def test_without_waiting_and_in_another_process_the_heuristic_score_is_the_same(
    doc: dict[str, object], tmp_path: Path
) -> None:
    trace, judge = assembled(doc), HeuristicJudge(RUBRIC)
    waited_for = await Scorer(judge, FolderStore(tmp_path), ticking()).result(trace, "run-1")
    sent, other = pickle.loads(pickle.dumps((judge, trace)))[::-1]
    assert heuristic_result(other, sent, doc, "run-1", ticking()) == waited_for
    assert (waited_for.run_id, waited_for.cost_nano_usd, waited_for.calls) == ("run-1", 0, 0)


async def test_another_record_is_invalid(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="TraceCompleted"):
        await scored(completed(), FolderStore(tmp_path))
