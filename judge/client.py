"""A judge model behind an OpenAI-compatible interface, and the only place that knows the `openai` client.

An outage, a limit or a timeout is Retryable: the judge pauses, no trace is dropped. A refused request is Unscored for
this trace. Refused credentials and an unknown model stop the process: no trace is to blame.
"""

import asyncio
from collections.abc import Awaitable
from typing import Any

import openai
from openai import AsyncOpenAI
from openai.types.chat import ChatCompletion

from judge.prompt import Question
from judge.verdict import Reply, Unscored
from pipeline.errors import Refused, Retryable

MOST_TOKENS = 4_000
"""Completion tokens; six rationales of three sentences need about a fifth."""
SAMPLE_TEMPERATURE = 1
"""The model's own distribution: what its samples disagree about is what it is unsure of."""
LONGEST_RETRY_AFTER_S = 300.0
NO_KEY = "not-needed"
"""Local servers want none, but the client insists on something."""
PROVIDER = "https://api.openai.com/v1"
"""Said explicitly: the client would take an empty OPENAI_BASE_URL of the environment for an address."""


class JudgeModel:
    """Asks one model. `timeout_s` bounds a whole call, whatever trickles in meanwhile.

    At temperature 0, unless it is one of several samples: `sample` from 1 on is asked at SAMPLE_TEMPERATURE with that
    seed. Samples at temperature 0 would be copies of one another, and their agreement would say nothing.
    """

    def __init__(
        self,
        model: str,
        api_key: str | None,
        base_url: str | None,
        timeout_s: float,
        *,
        most_tokens: int = MOST_TOKENS,
        sample: int = 0,
    ) -> None:
        self.model = model
        self._base_url, self._timeout_s = base_url or PROVIDER, timeout_s
        self._most_tokens, self._sample = most_tokens, sample
        # Trying again is the consumer loop's business, in one place for all services.
        self._client = AsyncOpenAI(api_key=api_key or NO_KEY, base_url=self._base_url, timeout=timeout_s, max_retries=0)

    async def ask(self, question: Question) -> Reply:
        """The model's reply. Raises Retryable, Unscored(provider_refused) or Refused."""
        completion = await self._guarded(self._client.chat.completions.create(**self.request(question)))
        if isinstance(completion, ChatCompletion) and completion.choices:
            return _reply(completion)
        raise Retryable("the judge's endpoint did not answer with a chat completion")

    def request(self, question: Question) -> dict[str, Any]:
        """The body of the request, as it is sent and kept as evidence."""
        schema = {"name": "grades", "strict": True, "schema": question.schema}
        return {
            "model": self.model,
            "messages": list(question.messages),
            "response_format": {"type": "json_schema", "json_schema": schema},
            "max_completion_tokens": self._most_tokens,
            **self._sampling(),
        }

    def identity(self) -> dict[str, Any]:
        """What determines the answers, beside the question. The endpoint is: one name may stand for two models."""
        return {
            "endpoint": self._base_url.rstrip("/"),
            "model": self.model,
            "most_tokens": self._most_tokens,
            **self._sampling(),
        }

    def _sampling(self) -> dict[str, int]:
        return {"seed": self._sample, "temperature": SAMPLE_TEMPERATURE} if self._sample else {"temperature": 0}

    async def close(self) -> None:
        """Give the connections back."""
        await self._client.close()

    async def _guarded(self, call: Awaitable[object]) -> object:
        try:
            async with asyncio.timeout(self._timeout_s):
                return await call
        except (openai.APIConnectionError, TimeoutError) as error:
            raise Retryable(f"the judge's endpoint does not answer: {error or 'deadline exceeded'}") from error
        except (openai.RateLimitError, openai.InternalServerError, openai.ConflictError) as error:
            await asyncio.sleep(_retry_after_s(error))
            raise Retryable(f"the judge's endpoint answered {error.status_code}") from error
        except (openai.AuthenticationError, openai.PermissionDeniedError, openai.NotFoundError) as error:
            raise Refused(
                f"The judge's endpoint answered {error.status_code}."
                f" Check OPENAI_API_KEY, OPENAI_BASE_URL and JUDGE_MODEL ({self.model})."
            ) from error
        except openai.APIStatusError as error:
            if error.status_code == 408:
                raise Retryable("the judge's endpoint answered 408") from error
            raise Unscored("provider_refused", f"status {error.status_code}: {error.message:.300}") from error
        except openai.APIError as error:
            raise Retryable(f"the judge's endpoint answered nonsense: {error}") from error


def _reply(completion: ChatCompletion) -> Reply:
    choice, usage = completion.choices[0], completion.usage
    return Reply(
        content=choice.message.content or "",
        refusal=choice.message.refusal or "",
        finish_reason=choice.finish_reason,
        model=completion.model,
        prompt_tokens=usage.prompt_tokens if usage else 0,
        completion_tokens=usage.completion_tokens if usage else 0,
    )


def _retry_after_s(error: openai.APIStatusError) -> float:
    """Seconds that the provider asks us to wait; 0 where it does not say so in seconds."""
    try:
        return min(max(float(error.response.headers.get("retry-after", "0")), 0.0), LONGEST_RETRY_AFTER_S)
    except ValueError:
        return 0.0
