"""A judge model behind an OpenAI-compatible interface, and the only place that knows the `openai` client.

An outage, a limit or a timeout is Retryable: the judge pauses, no trace is dropped. A refused request is Unscored for
this trace. Refused credentials and an unknown model stop the process: no trace is to blame.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, ClassVar

import openai
from openai import AsyncOpenAI
from openai.types.chat import ChatCompletion

from judge.dialects import Dialect, Format, object_in
from judge.metrics import Call
from judge.prompt import Question
from judge.verdict import Reason, Reply, Unscored
from judge.waiting import retry_after_s
from pipeline.errors import Refused, Retryable
from pipeline.telemetry import logger

MOST_TOKENS = 4_000
"""Completion tokens of an answer about one trace; six rationales of three sentences need about a fifth."""
SAMPLE_TEMPERATURE = 1
"""The model's own distribution: what its samples disagree about is what it is unsure of."""
NO_KEY = "not-needed"
"""Local servers want none, but the client insists on something."""
PROVIDER = "https://api.openai.com/v1"
"""Said explicitly: the client would take an empty OPENAI_BASE_URL of the environment for an address."""
KNOCK = ({"role": "user", "content": "Answer with OK."},)
KNOCK_TOKENS = 16
PASSING = {402, 408, 425}
"""Refusals that are not about the request: an account without credit is filled up, and judging goes on."""
BUSY = {409, 429, 503, 529}
"""Nothing against the request either: there is too much to do."""
log = logger(__name__)
Observe = Callable[[Call], None]


class Unanswered(Retryable):
    """No answer; whether the endpoint or this very request is to blame is another question. `reason`: of the score in
    the latter case."""

    reason: ClassVar[Reason]


class Deadline(Unanswered):
    """The call took longer than it may."""

    reason: ClassVar[Reason] = "timeout"


class Failed(Unanswered):
    """The server says that it failed over the call."""

    reason: ClassVar[Reason] = "provider_failed"


class NotTaken(Unscored):
    """The server refuses this very request, and says why; `request` is what was sent."""

    def __init__(self, request: dict[str, Any], said: str) -> None:
        super().__init__("provider_refused", _text(said)[:300])
        self.request = request


@dataclass(frozen=True, slots=True)
class Settled:
    """How a model is asked, apart from what. `sample` from 1 on is asked at SAMPLE_TEMPERATURE with that seed: samples
    at temperature 0 would be copies of one another. With `answer_format` None the server's refusals decide it."""

    model: str
    base_url: str | None = None
    timeout_s: float = 60
    most_tokens: int = MOST_TOKENS
    sample: int = 0
    answer_format: Format | None = None

    @property
    def sampling(self) -> dict[str, int]:
        """The members of the request that decide which of the possible answers is given."""
        return {"seed": self.sample, "temperature": SAMPLE_TEMPERATURE} if self.sample else {"temperature": 0}

    def identity(self) -> dict[str, Any]:
        """What determines the answers, beside the question. The endpoint does: one name may stand for two models, and
        what a server refuses decides the format that is left to it."""
        return {
            "endpoint": (self.base_url or PROVIDER).rstrip("/"),
            "format": self.answer_format or "auto",
            "model": self.model,
            "most_tokens": self.most_tokens,
            **self.sampling,
        }


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request as it was sent and its reply, as received. Not `metered`: the server did not say how many tokens."""

    request: dict[str, Any]
    reply: Reply
    metered: bool
    took_us: int

    @property
    def answer(self) -> Reply:
        """The reply without the words around its object."""
        return replace(self.reply, content=object_in(self.reply.content))


class JudgeModel:
    """Asks one model; `slots` bounds the calls at once, also of other models that share it.

    `timeout_s` bounds a whole call, whatever trickles in meanwhile. The dialect that a server takes is remembered.
    """

    def __init__(
        self,
        settled: Settled,
        api_key: str | None,
        slots: asyncio.Semaphore | None = None,
        observe: Observe = lambda _: None,
    ) -> None:
        self.settled = settled
        self._slots, self._observe = slots or asyncio.Semaphore(), observe
        self._dialect = Dialect(answer_format=settled.answer_format or "json_schema")
        self._knocking = asyncio.Lock()
        self._not_before_s = self._answered_s = 0.0
        # Trying again is the consumer loop's business, in one place for all services.
        self._client = AsyncOpenAI(
            api_key=api_key or NO_KEY,
            base_url=settled.base_url or PROVIDER,
            timeout=settled.timeout_s,
            max_retries=0,
        )

    async def ask(self, question: Question) -> Exchange:
        """The exchange about a question; one on several traces may take as many times the tokens and seconds. Raises
        Retryable, Deadline, Failed, NotTaken or Refused."""
        dialect, traces = self._dialect, len(question.asked)
        while True:
            request = self._request(question, dialect)
            started_s = time.monotonic()
            try:
                completion = await self._sent(request, traces)
            except _BadRequest as bad:
                other = dialect.after(bad.said, pinned=self.settled.answer_format is not None)
                if other is None:
                    raise NotTaken(request, bad.said) from bad
                dialect = other
                continue
            if dialect != self._dialect:
                # Only now that it was taken: a refusal may quote a trace, which must not decide how others are asked.
                log.info("the judge's endpoint is asked differently from now on", model=self.settled.model, as_=dialect)
                self._dialect = dialect
            return _exchange(request, completion, int((time.monotonic() - started_s) * 1e6))

    def _request(self, question: Question, dialect: Dialect) -> dict[str, Any]:
        most_tokens = self.settled.most_tokens * len(question.asked)
        form = dialect.request(question.messages, question.schema, most_tokens, self.settled.sampling)
        return {"model": self.settled.model, **form}

    async def alive(self, since_s: float) -> bool:
        """Whether the endpoint has answered anything since that moment of time.monotonic(); where not, it is asked for
        a word, within the same deadline."""
        async with self._knocking:
            if self._answered_s < since_s:
                knock = {"model": self.settled.model, "messages": KNOCK, self._dialect.tokens_name: KNOCK_TOKENS}
                try:
                    await self._sent(knock, 1)
                except (_BadRequest, Retryable):
                    return False
            return True

    async def close(self) -> None:
        """Give the connections back."""
        await self._client.close()

    async def _sent(self, request: dict[str, Any], traces: int) -> ChatCompletion:
        timeout_s = self.settled.timeout_s * traces
        async with self._slots:
            await asyncio.sleep(max(0.0, self._not_before_s - time.monotonic()))
            started_s, call = time.monotonic(), Call(self.settled.model, "unavailable", 0.0)
            try:
                completion = await self._completion(request, timeout_s)
                prompt_tokens, completion_tokens = _tokens(completion)
                call = Call(call.model, "answered", 0.0, prompt_tokens, completion_tokens)
                self._answered_s = time.monotonic()
            except Deadline:
                call = replace(call, result="deadline")
                raise
            except (_BadRequest, Refused):
                call = replace(call, result="refused")
                raise
            finally:
                self._observe(replace(call, took_s=time.monotonic() - started_s))
            return completion

    async def _completion(self, request: dict[str, Any], timeout_s: float) -> ChatCompletion:
        answer = await self._guarded(self._client.chat.completions.create(**request, timeout=timeout_s), timeout_s)
        if isinstance(answer, ChatCompletion) and answer.choices:
            return answer
        raise Retryable("the judge's endpoint did not answer with a chat completion")

    async def _guarded(self, call: Awaitable[object], timeout_s: float) -> object:
        try:
            async with asyncio.timeout(timeout_s):
                return await call
        except (openai.APITimeoutError, TimeoutError) as error:
            raise Deadline(f"the judge's endpoint does not answer within {timeout_s:g} s (JUDGE_TIMEOUT_S)") from error
        except openai.APIConnectionError as error:
            raise Retryable(f"the judge's endpoint does not answer: {error}") from error
        except (openai.RateLimitError, openai.InternalServerError, openai.ConflictError) as error:
            self._wait(error)
            kind = Retryable if error.status_code in BUSY else Failed
            raise kind(f"the judge's endpoint answered {error.status_code}") from error
        except (openai.AuthenticationError, openai.PermissionDeniedError, openai.NotFoundError) as error:
            raise Refused(
                f"The judge's endpoint answered {error.status_code}."
                f" Check OPENAI_API_KEY, OPENAI_BASE_URL and the model's name ({self.settled.model})."
            ) from error
        except openai.APIStatusError as error:
            if error.status_code in PASSING:
                raise Retryable(f"the judge's endpoint answered {error.status_code}") from error
            raise _BadRequest(error) from error
        except openai.APIError as error:
            raise Retryable(f"the judge's endpoint answered nonsense: {error}") from error

    def _wait(self, error: openai.APIStatusError) -> None:
        """Nobody asks before the provider's time has come, not for other traces either."""
        pause_s = retry_after_s(error.response.headers, datetime.now(UTC))
        self._not_before_s = max(self._not_before_s, time.monotonic() + pause_s)


class _BadRequest(Exception):
    """The request itself was refused; `said` is why, in the server's words."""

    def __init__(self, error: openai.APIStatusError) -> None:
        param = error.body.get("param") if isinstance(error.body, dict) else None
        self.said = f"status {error.status_code}: {f'{param}: ' if param else ''}{error.message}"
        super().__init__(self.said)


def _tokens(completion: ChatCompletion) -> tuple[int, int]:
    """Tokens read and written, as the server counts them; 0 where it does not."""
    usage = completion.usage
    return (usage.prompt_tokens, usage.completion_tokens) if usage else (0, 0)


def _exchange(request: dict[str, Any], completion: ChatCompletion, took_us: int) -> Exchange:
    choice = completion.choices[0]
    prompt_tokens, completion_tokens = _tokens(completion)
    reply = Reply(
        content=_text(choice.message.content),
        refusal=_text(choice.message.refusal),
        finish_reason=_text(choice.finish_reason),
        model=_text(completion.model),
        prompt_tokens=prompt_tokens,
        completion_tokens=completion_tokens,
    )
    return Exchange(request, reply, completion.usage is not None, took_us)


def _text(said: str | None) -> str:
    """As it can be stored: half a surrogate pair, which JSON may escape, is no text."""
    return (said or "").encode(errors="replace").decode()
