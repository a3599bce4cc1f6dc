"""Sends one request until it is answered, refused, or out of attempts; every attempt has the same bytes and headers."""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import count

import httpx2

from clients.problems import ApiProblem, ConnectionLost, problem_of
from clients.retries import Retries

IDEMPOTENCY_KEY = "Idempotency-Key"
LATER = frozenset({429, 503})


@dataclass(frozen=True, slots=True)
class _Failed:
    error: ApiProblem | ConnectionLost
    again: bool
    retry_after: str | None = None


class Transport:
    """A connection pool to `base_url`. `timeout_s` bounds each connect, write and read of an attempt."""

    def __init__(self, base_url: str, retries: Retries, timeout_s: float, sleep: Callable[[float], None]) -> None:
        self._http = httpx2.Client(base_url=base_url, timeout=timeout_s)
        self._retries, self._sleep = retries, sleep

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def send(
        self,
        method: str,
        path: str,
        token: str,
        content: bytes = b"",
        *,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, str | int] | None = None,
        repeatable: bool = True,
    ) -> httpx2.Response:
        """The successful answer. Raises `ApiProblem` or `ConnectionLost`.

        What is not `repeatable` is sent again only where the server certainly did not act on it.
        """
        fields = {"Authorization": f"Bearer {token}", "Content-Type": "application/json", **(headers or {})}
        request = self._http.build_request(method, path, content=content, headers=fields, params=params)
        for attempt in count(1):
            outcome = self._attempt(request, repeatable)
            if isinstance(outcome, httpx2.Response):
                return outcome
            wait = self._retries.wait_s(attempt, outcome.retry_after, random.random()) if outcome.again else None
            if wait is None:
                raise outcome.error
            self._sleep(wait)
        raise AssertionError("count() has no end")

    def _attempt(self, request: httpx2.Request, repeatable: bool) -> httpx2.Response | _Failed:
        try:
            response = self._http.send(request)
        except httpx2.TransportError as error:
            never_arrived = isinstance(error, httpx2.ConnectError | httpx2.ConnectTimeout)
            hint = ". Does a server run there? `pr-telemetry up` starts one" if never_arrived else ""
            lost = ConnectionLost(f"{request.method} {request.url}: no answer: {type(error).__name__}: {error}{hint}")
            return _Failed(lost, again=repeatable or never_arrived)
        if response.is_success:
            return response
        return _Failed(problem_of(response), _asks_again(request, response), response.headers.get("Retry-After"))


def _asks_again(request: httpx2.Request, response: httpx2.Response) -> bool:
    """With an Idempotency-Key, 409 says that the first copy of this very request is still being worked on."""
    still_in_flight = response.status_code == httpx2.codes.CONFLICT and IDEMPOTENCY_KEY in request.headers
    return still_in_flight or response.status_code in LATER
