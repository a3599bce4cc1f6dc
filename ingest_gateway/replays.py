"""Memory of what was answered lately, so that a retry gets the same answer. Bounded; losing it is harmless.

Semantics of draft-ietf-httpapi-idempotency-key-header, for the client's key and for (trace, chunk_seq) alike.

What is forgotten is appended once more and deduplicated when the trace is assembled.
"""

from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from typing import Generic, TypeVar

from ingest_gateway.problems import IDEMPOTENCY_CONFLICT, IN_FLIGHT, Problem

Value = TypeVar("Value")


# Measured with tracemalloc: 340 bytes a key, for key, MAC, tuples and the dictionary's share.
ENTRY_BYTES = 340


def _one(_value: object) -> int:
    return 1


class Recent(Generic[Value]):
    """The last values by key, together no heavier than `limit`; the oldest is forgotten first. Each weighs 1, or what
    `weigh` says."""

    def __init__(self, limit: int, weigh: Callable[[Value], int] = _one) -> None:
        self._limit, self._weigh, self._weight = limit, weigh, 0
        self._values: OrderedDict[Hashable, Value] = OrderedDict()

    def get(self, key: Hashable) -> Value | None:
        """The value, where it is still known."""
        return self._values.get(key)

    def put(self, key: Hashable, value: Value) -> None:
        """Remember a value as the newest."""
        self._forget(self._values.pop(key, None))
        self._values[key] = value
        self._weight += self._weigh(value)
        while self._weight > self._limit:
            self._forget(self._values.popitem(last=False)[1])

    def _forget(self, value: Value | None) -> None:
        self._weight -= 0 if value is None else self._weigh(value)

    def __len__(self) -> int:
        return len(self._values)


class Replays:
    """Answers by idempotency key, in at most `limit` bytes. A request has several keys; each must belong to one body
    only."""

    def __init__(self, limit: int) -> None:
        self._done: Recent[tuple[bytes, bytes]] = Recent(limit, lambda done: ENTRY_BYTES + len(done[1]))
        self._in_flight: dict[Hashable, bytes] = {}

    def begin(self, keys: Sequence[Hashable], mac: bytes) -> bytes | None:
        """The earlier answer to the same body, or None: the caller goes on, then calls `finish` or `drop`.

        Raises Problem: in-flight while the same body is being worked on, conflict where a key has another body.
        """
        answer = None
        for key in keys:
            done = self._done.get(key)
            known = done[0] if done else self._in_flight.get(key)
            if known is not None and known != mac:
                raise Problem(IDEMPOTENCY_CONFLICT, "this key or chunk_seq was used with another body before")
            answer = done[1] if done else answer
        if answer is None:
            self._claim(keys, mac)
        return answer

    def _claim(self, keys: Sequence[Hashable], mac: bytes) -> None:
        if any(key in self._in_flight for key in keys):
            raise Problem(IN_FLIGHT, "the first copy of this request has no answer yet", retry_after_s=1)
        self._in_flight.update(dict.fromkeys(keys, mac))

    def finish(self, keys: Sequence[Hashable], mac: bytes, answer: bytes) -> None:
        """The request was answered."""
        self.drop(keys)
        for key in keys:
            self._done.put(key, (mac, answer))

    def drop(self, keys: Sequence[Hashable]) -> None:
        """The request failed: trying it again is welcome."""
        for key in keys:
            self._in_flight.pop(key, None)
