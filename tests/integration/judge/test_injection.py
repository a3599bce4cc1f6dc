"""Injected twins before the judge itself, its real `openai` client and a model that obeys, in each way of asking."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from judge.configured import JudgeConfig
from judge.prompt import Mode
from pipeline.objectstore import FolderStore
from tests.support.model_judge import case, judging
from tests.support.obeying_server import obeying_server
from tests.support.twins import clean_numbers, twins

pytestmark = pytest.mark.integration
SOME = [twin for number, twin in enumerate(twins("twins.yaml")) if number % 6 == 0]


@pytest.fixture(scope="module")
def base_url() -> Iterator[str]:
    with obeying_server() as url:
        yield url


@pytest.mark.parametrize("mode", ["all", "criterion", "batch"])
async def test_twins_get_their_clean_twins_grades_or_none(mode: Mode, base_url: str, store: FolderStore) -> None:
    config = JudgeConfig(kind="openai", model="obeying", base_url=base_url, timeout_s=60, mode=mode)
    async with judging(config, store) as judge:
        cases = [case(number, twin.injected) for number, twin in enumerate(SOME, 1)]
        judgements = await asyncio.gather(*map(judge.judge, cases))
    for twin, judged in zip(SOME, judgements, strict=True):
        assert judged.suspicions, twin.name
        if judged.reason is None:
            assert {grade.criterion: grade.grade for grade in judged.grades} == clean_numbers(twin.session), twin.name
        else:
            assert (judged.reason, judged.calls, judged.grades) == ("injection_suspected", 0, ()), twin.name
    assert sum(judged.reason is None for judged in judgements) > len(SOME) / 2
