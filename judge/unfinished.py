"""What was reached for cases that are still on their way: an outage in between must not make it be paid for again."""

from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

MOST = 1_000
"""Cases; more than any worker has under way. The oldest is forgotten, and only costs its calls again."""
Kept = TypeVar("Kept")


class Unfinished(Generic[Kept]):
    """Something for each case, made by `new` when it is first asked for, until the case is done."""

    def __init__(self, new: Callable[[], Kept]) -> None:
        self._new, self._kept = new, OrderedDict[str, Kept]()

    def of(self, key: str) -> Kept:
        """What there is of this case; to be changed in place."""
        if key not in self._kept:
            self._kept[key] = self._new()
        self._kept.move_to_end(key)
        if len(self._kept) > MOST:
            self._kept.popitem(last=False)
        return self._kept[key]

    def done(self, key: str) -> None:
        """The case needs nothing any more."""
        self._kept.pop(key, None)
