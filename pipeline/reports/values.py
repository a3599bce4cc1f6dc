"""Turns what reports write into bounded values: texts, durations, times. Hostile ones become None, never errors."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Any

MAX_BYTES = 64 * 1024 * 1024
"""Largest report that is read."""
MAX_CASES = 100_000
MAX_DEPTH = 64
"""Levels of nested suites, elements or subtests."""
MAX_TEXT = 8_192
"""Characters kept of a message or a trace."""
MAX_NAME = 2_048
"""Characters kept of a name, a path, a suite."""
SECOND_US, MS_US = 1_000_000, 1_000
_LONGEST_US = 10**15  # 30 years; what is longer is no duration
_LATEST_MS = 10**14


def cut(text: str, limit: int = MAX_TEXT) -> str:
    """The text, with its middle left out where it is longer than `limit`."""
    if len(text) <= limit:
        return text
    return f"{text[: limit // 2]}\n[... {len(text) - limit} characters left out ...]\n{text[-limit // 2 :]}"


def name(value: object) -> str:
    """A name as given, cut where it is longer than MAX_NAME; empty where it is no text."""
    return cut(value, MAX_NAME) if isinstance(value, str) else ""


def prose(value: object) -> str | None:
    """A message or trace; None where it is no text or says nothing."""
    if not isinstance(value, str) or not (stripped := value.strip().removeprefix("\ufeff")):
        return None
    return cut(stripped)


def duration_us(value: Any, unit_us: float) -> int | None:
    """Microseconds of a number or its text (`1,234.5` too), in units of `unit_us`; None for NaN, below 0, nonsense."""
    try:
        number = float(value.replace(",", "") if isinstance(value, str) else value)
    except (TypeError, ValueError, OverflowError):
        return None
    if not math.isfinite(number) or not 0 <= number * unit_us <= _LONGEST_US:
        return None
    return round(number * unit_us)


def clock_us(value: str | None) -> int | None:
    """Microseconds of `[d.]hh:mm:ss[.fffffff]`, as .NET writes durations."""
    first, *rest = (value or "").split(":")
    day, _, hour = first.rpartition(".")
    try:
        days, hours, minutes, seconds = (float(part) for part in (day or "0", hour, *rest))
    except ValueError:
        return None
    return duration_us(((days * 24 + hours) * 60 + minutes) * 60 + seconds, SECOND_US)


def count(value: object) -> int | None:
    """A count from a number or its text; None where it is none."""
    if isinstance(value, bool) or not isinstance(value, int | str):
        return None
    try:
        number = int(value)
    except ValueError:
        return None
    return number if 0 <= number <= 10**9 else None


def epoch_ms(value: object) -> int | None:
    """Milliseconds since 1970 of an ISO 8601 time (UTC where it names no zone) or of such a number; else None."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return round(value) if math.isfinite(value) and 0 < value < _LATEST_MS else None
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.fromisoformat(value.strip().replace(" UTC", "Z"))
        number = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000
    except (ValueError, OverflowError):
        return None
    return round(number) if 0 < number < _LATEST_MS else None
