"""Growing pauses between attempts at something that is away, as a value of time: nobody sleeps."""

FIRST_PAUSE_S = 0.2
# Short, because a refused connection costs nothing and rows should be there soon after an outage ends.
LONGEST_PAUSE_S = 5.0


class Backoff:
    """When to try again. Times are seconds of one monotonic clock."""

    def __init__(self) -> None:
        self._until = 0.0
        self._pause = FIRST_PAUSE_S

    def waiting(self, now: float) -> bool:
        """Whether it is too early for another attempt."""
        return now < self._until

    def failed(self, now: float) -> float:
        """An attempt failed; the pause before the next one, seconds."""
        pause = self._pause
        self._until = now + pause
        self._pause = min(pause * 2, LONGEST_PAUSE_S)
        return pause

    def succeeded(self) -> None:
        """An attempt went through: the next failure starts with a short pause again."""
        self._pause = FIRST_PAUSE_S
