"""Money in whole nano-dollars: prices, a cap, and a day's budget over all processes."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from judge.asking import divided
from judge.budget import Budget, BudgetReached, Price
from judge.configured import BadJudge, JudgeConfig, config_of, judge_of, judge_of_settings
from judge.prices import BadPrices, in_nano, price_table
from judge.spending import DailyBudget
from pipeline.errors import BadSetting
from pipeline.objectstore import FolderStore
from pipeline.settings import JudgeSettings
from schemas.records import TraceJudged
from tests.support.judging import RUBRIC
from tests.support.scripted_judge import judged

NOON_US = 1_772_366_400_000_000  # 2026-03-01T12:00:00Z
DAY_US = 24 * 3600 * 1_000_000


def settings(**fields: object) -> JudgeSettings:
    return JudgeSettings.model_validate({"openai_api_key": "k", **fields})


def test_prices_are_exact() -> None:
    price = Price(in_nano(Decimal("0.15")) or 0, in_nano(Decimal("0.60")) or 0)
    assert price.cost_nano(1200, 340) == 1200 * 150 + 340 * 600
    assert Price(1, 0).cost_nano(499_999, 0) == 0
    assert Price(1, 0).cost_nano(500_000, 0) == 1
    assert sum(price.cost_nano(1, 0) for _ in range(1_000_000)) == 150_000_000


def test_a_table_has_a_line_for_each_model() -> None:
    table = price_table("gpt-4o-mini: {in: 0.15, out: 0.60}\nllama3:8b: {in: 0, out: 0}\non: {in: 1, out: 2e-3}\n")
    assert table == {
        "gpt-4o-mini": Price(150_000_000, 600_000_000),
        "llama3:8b": Price(0, 0),
        "on": Price(10**9, 2_000_000),
    }


@pytest.mark.parametrize(
    "text", ["", "- a", "m: 1", "m: {in: 1}", "m: {in: x, out: 1}", "m: {in: -1, out: 1}", "m: {in: .nan, out: 1}", "{"]
)
def test_a_bad_table_is_refused(text: str) -> None:
    with pytest.raises(BadPrices):
        price_table(text)


def test_the_settings_price_their_model_and_the_table_the_others(tmp_path: Path) -> None:
    table = tmp_path / "prices.yaml"
    table.write_text("other: {in: 1, out: 2}\nmine: {in: 7, out: 7}\n")
    given = settings(judge_model="mine", judge_price_in="0.1", judge_price_out="0.2", judge_prices=table)
    panel = config_of(given, "panel:mine,other,third")
    assert [juror.price for juror in panel.members] == [
        Price(100_000_000, 200_000_000),
        Price(10**9, 2 * 10**9),
        None,
    ]
    table.write_text("other: cheap")
    with pytest.raises(BadSetting, match="JUDGE_PRICES"):
        config_of(given)


def test_a_budget_needs_prices(tmp_path: Path) -> None:
    store, config = FolderStore(tmp_path), JudgeConfig(kind="openai", model="m")
    with pytest.raises(BadJudge, match="JUDGE_PRICE_IN"):
        judge_of(config, RUBRIC, store, budget=Budget(cap_nano=1))
    with pytest.raises(BadSetting, match="price of gpt-4o-mini is unknown"):
        judge_of_settings(settings(), store, Budget(cap_nano=1))
    free = config.model_copy(update={"prompt_price": 0, "completion_price": 0})
    assert judge_of(free, RUBRIC, store, budget=Budget(cap_nano=1)).kind == "openai"


def test_a_cap_is_looked_at_before_each_call() -> None:
    budget = Budget(cap_nano=10, spent_nano=4)
    budget.check()
    budget.spend(6)
    with pytest.raises(BudgetReached):
        budget.check()


@pytest.mark.parametrize(("whole", "sizes"), [(1200, [1, 1, 1, 1]), (7, [3, 1, 9]), (0, [1, 2]), (5, [10**6, 1, 1])])
def test_a_shared_number_is_divided_without_rest(whole: int, sizes: list[int]) -> None:
    parts = divided(whole, sizes)
    assert sum(parts) == whole
    assert all(abs(part - whole * size / sum(sizes)) < 1 for part, size in zip(parts, sizes, strict=True))


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now_us = NOON_US

    def __call__(self) -> int:
        return self.now_us


def cost(nano: int | None, **fields: object) -> TraceJudged:
    return replace(judged(), cost_nano_usd=nano, started_at_us=NOON_US, **fields)  # type: ignore[arg-type]


def test_what_others_and_earlier_processes_spent_today_counts() -> None:
    budget = DailyBudget(100, Clock())
    budget.read(cost(40))
    budget.read(cost(None))
    budget.read(cost(1_000, run_id="run-1"))
    budget.read(replace(cost(1_000), started_at_us=NOON_US - DAY_US))
    budget.check()
    assert budget.spent_nano == 40


def test_what_is_paid_counts_once_before_and_after_it_is_written() -> None:
    budget = DailyBudget(100, Clock())
    budget.spend(30)
    assert budget.spent_nano == 30
    budget.written(cost(30))
    budget.read(cost(30))
    assert budget.spent_nano == 30


def test_a_new_day_begins_with_what_is_not_written_yet() -> None:
    clock = Clock()
    budget = DailyBudget(100, clock)
    budget.read(cost(90))
    budget.spend(20)
    with pytest.raises(BudgetReached, match=r"2026-03-01 is spent: .*00:00 UTC.*JUDGE_BUDGET_USD; no trace is lost"):
        budget.check()
    clock.now_us += DAY_US
    budget.check()
    assert budget.spent_nano == 20
    assert budget.midnight_ms() * 1000 == NOON_US + DAY_US // 2


async def test_who_waits_goes_on_when_there_is_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("judge.spending.LOOK_S", 0.01)
    budget = DailyBudget(100, Clock())
    budget.spend(100)
    waiting = asyncio.create_task(budget.replenished())
    await asyncio.sleep(0.05)
    assert not waiting.done()
    budget.cap_nano = 200
    await asyncio.wait_for(waiting, 1)
