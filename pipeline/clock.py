"""Time as a value: services take a Clock, tests give their own."""

import time
from collections.abc import Callable

Clock = Callable[[], int]
"""Microseconds since the epoch."""


def now_us() -> int:
    """The system's clock, microseconds since the epoch."""
    return time.time_ns() // 1000
