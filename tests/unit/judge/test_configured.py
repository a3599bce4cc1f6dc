"""Judges by their names, and configs as values in a run's manifest."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from judge.budget import Price
from judge.configured import BadJudge, JudgeConfig, config_of, judge_of, judge_of_settings, named
from judge.heuristics import NoHeuristic
from judge.panel import Panel
from pipeline.canonical import dumps
from pipeline.errors import BadSetting
from pipeline.objectstore import FolderStore
from pipeline.settings import JudgeSettings
from tests.support.judging import RUBRIC

OPENAI = JudgeConfig(kind="openai", model="m", base_url="http://127.0.0.1:1/v1", timeout_s=7)
NAMES = ["heuristic", "openai", "openai:llama3:8b", "panel:3xgpt-4o-mini", "panel:a,org/b@x,heuristic", "panel:2xa,b"]


@pytest.mark.parametrize(
    ("name", "jurors"),
    [
        ("heuristic", ["heuristic"]),
        ("openai", ["openai:m"]),
        ("openai:llama3:8b", ["openai:llama3:8b"]),
        ("panel:3xm", ["openai:m#1", "openai:m#2", "openai:m#3"]),
        ("panel:a, b,heuristic", ["openai:a", "openai:b", "heuristic"]),
        ("panel:2xa,b", ["openai:a#1", "openai:a#2", "openai:b"]),
        ("panel:openai:8x7b,b", ["openai:8x7b", "openai:b"]),
    ],
)
def test_a_name_says_who_judges(name: str, jurors: list[str]) -> None:
    config = named(name, OPENAI)
    assert [member.name for member in config.members or (config,)] == jurors


def test_models_share_the_endpoint_and_have_prices_of_their_own() -> None:
    config = named("panel:a,b", OPENAI, {"a": Price(1, 2)}.get)
    assert {(juror.base_url, juror.timeout_s) for juror in config.members} == {("http://127.0.0.1:1/v1", 7)}
    assert [juror.price for juror in config.members] == [Price(1, 2), None]


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("", "no judge is named"),
        ("gpt-4o", "no judge is named"),
        ("openai:", "no judge is named"),
        ("openai:two words", "no model's name"),
        ("panel:", "no judge is named"),
        ("panel:a", "2 to 15 jurors, not 1"),
        ("panel:1xa", "2 to 15 jurors, not 1"),
        ("panel:0xa,b", "2 to 15 jurors, not 1"),
        ("panel:16xa", "2 to 15 jurors"),
        ("panel:a,,b", "'' is no model's name"),
        ("panel:a,b,a", "openai:a is twice"),
        ("panel:heuristic,heuristic", "heuristic is twice"),
        ("panel:2xa,3xa", "openai:a#1 is twice"),
    ],
)
def test_a_bad_name_is_refused_with_what_would_be_right(name: str, why: str) -> None:
    with pytest.raises(BadJudge, match=why):
        named(name, OPENAI)


@pytest.mark.parametrize("name", NAMES)
def test_a_description_is_canonical_json_and_gives_the_same_judge_again(name: str, tmp_path: Path) -> None:
    config, store = named(name, OPENAI, {"a": Price(1, 2)}.get), FolderStore(tmp_path)
    again = JudgeConfig.from_description(json.loads(dumps(config.description())))
    assert again == config
    assert judge_of(again, RUBRIC, store).digest == judge_of(config, RUBRIC, store).digest


def test_a_description_says_all_that_defaults_stand_for_today() -> None:
    described = named("panel:a,heuristic", JudgeConfig(kind="openai", model="m")).description()
    assert described["members"][1] == {"kind": "heuristic"}
    assert {"event_bytes", "most_tokens", "mode", "sample", "timeout_s"} <= described["members"][0].keys()


def test_every_name_is_another_judge(tmp_path: Path) -> None:
    digests = [judge_of(named(name, OPENAI), RUBRIC, FolderStore(tmp_path)).digest for name in NAMES]
    assert len(set(digests)) == len(NAMES)


def test_a_price_and_a_deadline_do_not_make_another_judge(tmp_path: Path) -> None:
    other = OPENAI.model_copy(update={"timeout_s": 9, "prompt_price": 1})
    store = FolderStore(tmp_path)
    assert judge_of(other, RUBRIC, store).digest == judge_of(OPENAI, RUBRIC, store).digest


@pytest.mark.parametrize(
    "description",
    [
        {},
        {"kind": "oracle"},
        {"kind": "openai"},
        {"kind": "heuristic", "model": "m"},
        {"kind": "openai", "model": "m", "temperature": 3},
        {"kind": "panel"},
        {"kind": "panel", "members": [{"kind": "panel", "members": [{"kind": "heuristic"}]}]},
        {"kind": "openai", "model": "m", "base_url": "http://user:word@host/v1"},
    ],
)
def test_what_describes_no_judge_is_refused(description: dict[str, object]) -> None:
    with pytest.raises(BadJudge):
        JudgeConfig.from_description(description)


def test_a_key_is_in_no_description() -> None:
    settings = JudgeSettings.model_validate({"openai_api_key": "very-secret", "judge": "panel:2xa,b"})
    assert "very-secret" not in json.dumps(config_of(settings).description())


def test_the_setting_names_the_judge_of_live_traces(tmp_path: Path) -> None:
    settings = JudgeSettings.model_validate({"judge": "panel:2xa,heuristic", "openai_base_url": "http://h/v1"})
    judge = judge_of_settings(settings, FolderStore(tmp_path))
    assert isinstance(judge, Panel)
    assert judge.model == "a"
    with pytest.raises(BadSetting, match="JUDGE: no judge is named 'nobody'"):
        judge_of_settings(JudgeSettings.model_validate({"judge": "nobody"}), FolderStore(tmp_path))


def test_a_heuristic_juror_needs_a_rubric_it_knows(tmp_path: Path) -> None:
    foreign = [criterion.model_copy(update={"id": f"other_{n}"}) for n, criterion in enumerate(RUBRIC.criteria)]
    rubric = RUBRIC.model_copy(update={"criteria": foreign, "caps": []})
    with pytest.raises(NoHeuristic):
        judge_of(named("panel:a,heuristic", OPENAI), rubric, FolderStore(tmp_path))
