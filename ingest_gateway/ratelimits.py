"""Token buckets, and what they say in the RateLimit fields of draft-ietf-httpapi-ratelimit-headers. Pure: time is an
argument.

A bucket holds `WINDOW_S` seconds of its rate and starts full. Each replica counts for itself.
"""

import math
from collections import OrderedDict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

WINDOW_S = 2
MOST_BUCKETS = 50_000


@dataclass(frozen=True, slots=True)
class Quota:
    """What is left of a policy after a request; `wait_s` > 0: it was refused and may come again then."""

    policy: str
    quota: int
    remaining: int
    full_in_s: int
    wait_s: float = 0.0


class Buckets:
    """One bucket for each key, refilled at `per_s` tokens a second; 0: no limit. The least used are forgotten first.

    A forgotten bucket starts full again, so that many keys can only win what many keys may.
    """

    def __init__(self, policy: str, per_s: int, most: int = MOST_BUCKETS) -> None:
        self._policy, self._per_s, self._most = policy, per_s, most
        self._size = per_s * WINDOW_S
        self._levels: OrderedDict[Hashable, tuple[float, float]] = OrderedDict()

    def take(self, key: Hashable, now_s: float) -> Quota | None:
        """Take one token at a monotonic time, in seconds; None where there is no limit."""
        if not self._per_s:
            return None
        level, at_s = self._levels.get(key, (float(self._size), now_s))
        level = min(float(self._size), level + max(0.0, now_s - at_s) * self._per_s)
        wait_s = 0.0 if level >= 1 else (1 - level) / self._per_s
        if not wait_s:
            level -= 1
        self._put(key, level, now_s)
        full_in_s = math.ceil((self._size - level) / self._per_s)
        return Quota(self._policy, self._size, int(level), full_in_s, wait_s)

    def _put(self, key: Hashable, level: float, now_s: float) -> None:
        self._levels[key] = (level, now_s)
        self._levels.move_to_end(key)
        if len(self._levels) > self._most:
            self._levels.popitem(last=False)


def rate_limit_headers(quotas: Sequence[Quota]) -> list[tuple[bytes, bytes]]:
    """`RateLimit-Policy` and `RateLimit` as raw headers with structured fields."""
    policies = ", ".join([f'"{q.policy}";q={q.quota};w={WINDOW_S}' for q in quotas])
    left = ", ".join([f'"{q.policy}";r={q.remaining};t={q.full_in_s}' for q in quotas])
    return [(b"ratelimit-policy", policies.encode()), (b"ratelimit", left.encode())]
