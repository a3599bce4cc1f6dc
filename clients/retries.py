"""Whether a failed request is sent again, and after how long. Pure: the caller waits, and draws the random number."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Retries:
    """At most `attempts` requests in all. Waits double from `first_wait_s`; none is above `longest_wait_s`."""

    attempts: int = 6
    first_wait_s: float = 0.25
    longest_wait_s: float = 20.0

    def wait_s(self, attempt: int, retry_after: str | None, jitter: float) -> float | None:
        """Seconds to wait after failed attempt number `attempt` (from 1), or None to give up.

        A server's Retry-After in whole seconds wins over the doubling; its HTTP-date form is not read. `jitter`, drawn
        from [0, 1), spreads clients that failed together over the second half of the wait.
        """
        if attempt >= self.attempts:
            return None
        if retry_after is not None and retry_after.strip().isdecimal():
            return min(float(retry_after), self.longest_wait_s)
        doubled: float = min(self.first_wait_s * 2 ** (attempt - 1), self.longest_wait_s)
        return doubled * (0.5 + jitter / 2)
