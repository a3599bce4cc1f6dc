"""Which judge, as a value: named by an operator, kept in a run's manifest. Pure.

    heuristic              from features, without a model
    openai                 the model of JUDGE_MODEL
    openai:MODEL           another model of the same endpoint
    panel:3xMODEL          three samples of one model
    panel:A,B,heuristic    several models, each may be `NxMODEL` too; the heuristic judge may be a juror

Secrets are no part of a config: the key is given when the judge is made.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from judge.asking import MOST_DEADLINES
from judge.budget import Price
from judge.client import MOST_TOKENS
from judge.dialects import Format
from judge.prompt import BUDGET_BYTES, Mode
from pipeline.canonical import dumps

FORMS = "heuristic, openai, openai:MODEL, panel:3xMODEL or panel:MODEL_A,MODEL_B,..."
MOST_JURORS = 15
PriceOf = Callable[[str], Price | None]
_SAMPLES = re.compile(r"(\d{1,3})x(\S+)")
_MODEL = re.compile(r"[\w.:/@+-]+")


class BadJudge(ValueError):
    """No judge is named so, or none can be made from such a description; says what would be right."""


class JudgeConfig(BaseModel):
    """What a judge is made from. Only a panel has `members`, only an `openai` judge a model and what follows it.

    `base_url` is None for OpenAI itself. `sample` 0 asks at temperature 0; from 1 on it is one of several samples of
    the same model, with this seed. `batch` traces share a request in mode `batch`. `answer_format` is None where the
    server decides. A question that passes its deadline `most_deadlines` times, while others are answered, is given up.
    Prices are nano-dollars for a million tokens, None where unknown.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    kind: Literal["heuristic", "openai", "panel"]
    model: str | None = None
    base_url: str | None = None
    sample: int = Field(0, ge=0)
    mode: Mode = "all"
    batch: int = Field(4, ge=2)
    answer_format: Format | None = None
    event_bytes: int = Field(BUDGET_BYTES, ge=1)
    most_tokens: int = Field(MOST_TOKENS, ge=1)
    timeout_s: int = Field(60, ge=1)
    most_deadlines: int = Field(MOST_DEADLINES, ge=1)
    prompt_price: int | None = Field(None, ge=0)
    completion_price: int | None = Field(None, ge=0)
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

    @property
    def traces_at_once(self) -> int:
        """How many traces wait for one call; so many times more must be in work to keep all calls busy."""
        own = self.batch if self.mode == "batch" else 1
        return max([own, *(member.traces_at_once for member in self.members)])

    def description(self) -> dict[str, Any]:
        """A JSON value of our domain, without secrets; equal configs have equal canonical JSON. Defaults are written
        out: those of a later release may be others."""
        if self.kind == "panel":
            return {"kind": self.kind, "members": [member.description() for member in self.members]}
        if self.kind == "heuristic":
            return {"kind": self.kind}
        return self.model_dump(mode="json", exclude_none=True, exclude={"members"})

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
