"""Which judge: named by an operator, kept as a value in a run's manifest, made from that value again.

    heuristic              from features, without a model
    openai                 the model of JUDGE_MODEL
    openai:MODEL           another model of the same endpoint
    panel:3xMODEL          three samples of one model
    panel:A,B,heuristic    several models, each may be `NxMODEL` too; the heuristic judge may be a juror

Secrets are no part of a config: the key is given when the judge is made.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from importlib.resources import files
from typing import Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from judge.budget import Budget, Price
from judge.client import MOST_TOKENS, JudgeModel
from judge.heuristics import NoHeuristic
from judge.judges import HeuristicJudge
from judge.judging import Judge
from judge.model import ModelJudge
from judge.panel import Panel
from judge.prompt import BUDGET_BYTES
from judge.rubric import BadRubric, Rubric
from judge.rubric import load as load_rubric
from pipeline.canonical import dumps
from pipeline.errors import BadSetting
from pipeline.objectstore import ObjectStore
from pipeline.settings import JudgeSettings

FORMS = "heuristic, openai, openai:MODEL, panel:3xMODEL or panel:MODEL_A,MODEL_B,..."
MOST_JURORS = 15
PriceOf = Callable[[str], Price | None]
_SAMPLES = re.compile(r"(\d{1,3})x(\S+)")
_MODEL = re.compile(r"[\w.:/@+-]+")


class BadJudge(ValueError):
    """No judge is named so, or none can be made from such a description; says what would be right."""


class JudgeConfig(BaseModel):
    """What a judge is made from. Only a panel has `members`, only an `openai` judge a model and what follows it.

    `sample` 0 asks at temperature 0; from 1 on it is one of several samples of the same model, with this seed.
    `base_url` is None for OpenAI itself. Prices are nano-dollars for a million tokens, None where unknown.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    kind: Literal["heuristic", "openai", "panel"]
    model: str | None = None
    base_url: str | None = None
    sample: int = 0
    event_bytes: int = BUDGET_BYTES
    most_tokens: int = MOST_TOKENS
    timeout_s: int = 60
    prompt_price: int | None = None
    completion_price: int | None = None
    members: tuple["JudgeConfig", ...] = ()

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if bool(self.members) != (self.kind == "panel") or bool(self.model) != (self.kind == "openai"):
            raise ValueError("a panel has members, an openai judge a model, a heuristic judge neither")
        if any(member.kind == "panel" for member in self.members):
            raise ValueError("a panel is no juror")
        if self.base_url and (urlsplit(self.base_url).username or urlsplit(self.base_url).password):
            raise ValueError("an address with a user or password in it: give it as OPENAI_API_KEY")
        return self

    @property
    def name(self) -> str:
        """As a juror: `heuristic`, `openai:MODEL`, `openai:MODEL#SAMPLE`."""
        return self.kind + f":{self.model}" * bool(self.model) + f"#{self.sample}" * bool(self.sample)

    @property
    def price(self) -> Price | None:
        """What tokens cost; None where one of both prices is unknown."""
        if self.prompt_price is None or self.completion_price is None:
            return None
        return Price(self.prompt_price, self.completion_price)

    def description(self) -> dict[str, Any]:
        """A JSON value of our domain, without secrets; equal configs have equal canonical JSON."""
        return self.model_dump(mode="json", exclude_defaults=True)

    @classmethod
    def from_description(cls, description: Mapping[str, Any]) -> Self:
        """The config again. Raises BadJudge."""
        try:
            # From JSON, not from the value: a strict tuple is a list there.
            return cls.model_validate_json(dumps(dict(description)))
        except ValidationError as error:
            raise BadJudge("; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())) from None


def named(name: str, openai: JudgeConfig, price_of: PriceOf = lambda _: None) -> JudgeConfig:
    """The config that an operator's name stands for. Raises BadJudge.

    `openai` is the judge that plain `openai` means, and has the endpoint and limits of all models; `price_of` has what
    a model costs.
    """
    kind, _, rest = name.partition(":")
    if name == "heuristic":
        return JudgeConfig(kind="heuristic")
    if name == "openai":
        return openai
    if kind == "openai" and rest:
        return _of_model(rest, 0, openai, price_of)
    if kind == "panel" and rest:
        return _panel(rest, openai, price_of)
    raise BadJudge(f"no judge is named {name!r}: say {FORMS}")


def _panel(members: str, openai: JudgeConfig, price_of: PriceOf) -> JudgeConfig:
    jurors = [juror for member in members.split(",") for juror in _jurors(member.strip(), openai, price_of)]
    names = [juror.name for juror in jurors]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise BadJudge(f"{twice} is twice in the panel: for several samples of a model say 2xMODEL")
    if not 2 <= len(jurors) <= MOST_JURORS:
        raise BadJudge(f"a panel has 2 to {MOST_JURORS} jurors, not {len(jurors)}: say panel:3xMODEL or panel:A,B")
    return JudgeConfig(kind="panel", members=tuple(jurors))


def _jurors(member: str, openai: JudgeConfig, price_of: PriceOf) -> Iterator[JudgeConfig]:
    if member == "heuristic":
        yield JudgeConfig(kind="heuristic")
    elif samples := _SAMPLES.fullmatch(member):
        for sample in range(1, min(int(samples[1]), MOST_JURORS + 1) + 1):
            yield _of_model(samples[2], sample, openai, price_of)
    else:
        # `openai:8x7b` is a model, `8x7b` eight samples of one.
        yield _of_model(member.removeprefix("openai:"), 0, openai, price_of)


def _of_model(model: str, sample: int, openai: JudgeConfig, price_of: PriceOf) -> JudgeConfig:
    if not _MODEL.fullmatch(model):
        raise BadJudge(f"{model!r} is no model's name: say {FORMS}")
    price = price_of(model)
    changed = {
        "model": model,
        "sample": sample,
        "prompt_price": price.prompt if price else None,
        "completion_price": price.completion if price else None,
    }
    return openai.model_copy(update=changed)


def config_of(settings: JudgeSettings, name: str | None = None) -> JudgeConfig:
    """The judge of this name, with the endpoint and limits of the settings; without a name, the one that judges live.
    Raises BadJudge."""
    openai = JudgeConfig(
        kind="openai",
        model=settings.judge_model,
        base_url=settings.openai_base_url,
        timeout_s=settings.judge_timeout_s,
    )
    has_endpoint = bool(settings.openai_api_key or settings.openai_base_url)
    return named(name or settings.judge or ("openai" if has_endpoint else "heuristic"), openai)


def rubric_of(settings: JudgeSettings) -> Rubric:
    """The rubric that the settings name. Raises BadSetting."""
    path = settings.judge_rubric or files("judge") / "rubrics" / "rubric-1.0.yaml"
    try:
        return load_rubric(path.read_text())
    except (OSError, UnicodeDecodeError, BadRubric) as error:
        raise BadSetting(f"JUDGE_RUBRIC: {path} cannot be used: {error}") from None


def judge_of(
    config: JudgeConfig,
    rubric: Rubric,
    store: ObjectStore,
    *,
    api_key: str | None = None,
    budget: Budget | None = None,
) -> Judge:
    """The judge of this config; evidence goes to `store`. Raises NoHeuristic where a heuristic one knows too little."""
    if config.kind == "heuristic":
        return HeuristicJudge(rubric)
    if config.kind == "panel":
        jurors = {
            member.name: judge_of(member, rubric, store, api_key=api_key, budget=budget) for member in config.members
        }
        return Panel(rubric, jurors, store)
    assert config.model, "the config was checked"
    model = JudgeModel(
        config.model,
        api_key,
        config.base_url,
        config.timeout_s,
        most_tokens=config.most_tokens,
        sample=config.sample,
    )
    return ModelJudge(rubric, model, store, config.event_bytes, price=config.price, budget=budget)


def judge_of_settings(settings: JudgeSettings, store: ObjectStore) -> Judge:
    """The judge of live traces. Raises BadSetting."""
    try:
        return judge_of(config_of(settings), rubric_of(settings), store, api_key=settings.openai_api_key)
    except BadJudge as error:
        raise BadSetting(f"JUDGE: {error}") from None
    except NoHeuristic as error:
        raise BadSetting(f"JUDGE_RUBRIC: {error}; set OPENAI_API_KEY or OPENAI_BASE_URL for it") from None
