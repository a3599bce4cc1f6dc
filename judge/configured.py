"""Makes judges: of a config, of the settings. A config names no secrets; the key is given when the judge is made."""

import asyncio

from judge.asking import Asking
from judge.budget import Budget
from judge.client import JudgeModel, Observe, Settled
from judge.heuristics import NoHeuristic
from judge.judges import HeuristicJudge
from judge.judging import Judge
from judge.model import Manner, ModelJudge
from judge.named import BadJudge, JudgeConfig, named
from judge.panel import Panel
from judge.prices import BadPrices, in_nano, price_table
from judge.rubric import BadRubric, Rubric
from judge.rubric_files import DEFAULT, NoRubric, find
from pipeline.errors import BadSetting
from pipeline.objectstore import ObjectStore
from pipeline.settings import JudgeSettings

__all__ = ["BadJudge", "JudgeConfig", "config_of", "judge_of", "judge_of_settings", "named", "rubric_of"]
MOST_CALLS = 8


def config_of(settings: JudgeSettings, name: str | None = None) -> JudgeConfig:
    """The judge of this name, with the endpoint, limits and prices of the settings; without a name, the one that judges
    live. Raises BadJudge, and BadSetting for a bad table of prices."""
    try:
        prices = price_table(settings.judge_prices.read_text()) if settings.judge_prices else {}
    except (OSError, UnicodeDecodeError, BadPrices) as error:
        raise BadSetting(f"JUDGE_PRICES: {settings.judge_prices} cannot be used: {error}") from None
    own = prices.get(settings.judge_model)
    prompt_price, completion_price = in_nano(settings.judge_price_in), in_nano(settings.judge_price_out)
    openai = JudgeConfig(
        kind="openai",
        model=settings.judge_model,
        base_url=settings.openai_base_url,
        mode=settings.judge_mode,
        batch=settings.judge_batch,
        answer_format=None if settings.judge_format == "auto" else settings.judge_format,
        event_bytes=settings.judge_event_bytes,
        most_tokens=settings.judge_answer_size,
        timeout_s=settings.judge_timeout_s,
        most_deadlines=settings.judge_deadlines,
        prompt_price=own.prompt if own and prompt_price is None else prompt_price,
        completion_price=own.completion if own and completion_price is None else completion_price,
    )
    if openai.price:
        prices = {**prices, settings.judge_model: openai.price}
    has_endpoint = bool(settings.openai_api_key or settings.openai_base_url)
    return named(name or settings.judge or ("openai" if has_endpoint else "heuristic"), openai, prices.get)


def rubric_of(settings: JudgeSettings) -> Rubric:
    """The rubric that the settings name. Raises BadSetting."""
    name = str(settings.judge_rubric or DEFAULT)
    try:
        return find(name, settings.rubrics_dir).rubric()
    except (NoRubric, BadRubric) as error:
        raise BadSetting(f"JUDGE_RUBRIC: {name} cannot be used: {error}") from None


def judge_of(
    config: JudgeConfig,
    rubric: Rubric,
    store: ObjectStore,
    *,
    api_key: str | None = None,
    budget: Budget | None = None,
    slots: asyncio.Semaphore | None = None,
    observe: Observe = lambda _: None,
) -> Judge:
    """The judge of this config; evidence goes to `store`. `slots` bounds the calls at once, MOST_CALLS without;
    `observe` hears of each.

    Raises NoHeuristic where a heuristic one knows too little of the rubric, BadJudge for a budget without prices.
    """
    if config.kind == "heuristic":
        return HeuristicJudge(rubric)
    slots = slots or asyncio.Semaphore(MOST_CALLS)
    if config.kind == "panel":
        jurors = {
            member.name: judge_of(member, rubric, store, api_key=api_key, budget=budget, slots=slots, observe=observe)
            for member in config.members
        }
        return Panel(rubric, jurors, store)
    if budget and budget.cap_nano is not None and config.price is None:
        raise BadJudge(
            f"a budget cannot be kept while the price of {config.model} is unknown: give JUDGE_PRICE_IN and"
            " JUDGE_PRICE_OUT, or a line for it in JUDGE_PRICES (0 where it costs nothing)"
        )
    model = JudgeModel(_settled(config), api_key, slots, observe)
    asking = Asking(model, config.price, budget or Budget(), config.most_deadlines)
    manner = Manner(config.mode, config.batch, config.event_bytes)
    return ModelJudge(rubric, model, asking, manner, store)


def judge_of_settings(
    settings: JudgeSettings, store: ObjectStore, budget: Budget | None = None, observe: Observe = lambda _: None
) -> Judge:
    """The judge of live traces. Raises BadSetting."""
    try:
        return judge_of(
            config_of(settings),
            rubric_of(settings),
            store,
            api_key=settings.openai_api_key,
            budget=budget,
            slots=asyncio.Semaphore(settings.judge_calls),
            observe=observe,
        )
    except BadJudge as error:
        raise BadSetting(f"JUDGE: {error}") from None
    except NoHeuristic as error:
        raise BadSetting(f"JUDGE_RUBRIC: {error}; set OPENAI_API_KEY or OPENAI_BASE_URL for it") from None


def _settled(config: JudgeConfig) -> Settled:
    assert config.model, "the config was checked"
    return Settled(
        config.model, config.base_url, config.timeout_s, config.most_tokens, config.sample, config.answer_format
    )
