"""How long a provider asks to be left alone, by the headers of its answer. Pure."""

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

LONGEST_S = 300.0
"""No header makes us wait longer; then we ask again."""


def retry_after_s(headers: Mapping[str, str], now: datetime) -> float:
    """Seconds to wait: `Retry-After-Ms`, or `Retry-After` in seconds or as an HTTP date (RFC 9110, 10.2.3); 0 without.

    A date is compared with the answer's own `Date` where it has one, so that a wrong clock on our side does not matter.
    """
    milliseconds, told = headers.get("retry-after-ms"), headers.get("retry-after", "")
    seconds = _number(milliseconds, 1000) if milliseconds else None
    if seconds is None:
        seconds = _number(told, 1)
    if seconds is None and (until := _date(told)):
        seconds = (until - (_date(headers.get("date", "")) or now)).total_seconds()
    return min(max(seconds or 0.0, 0.0), LONGEST_S)


def _number(text: str, divisor: int) -> float | None:
    try:
        value = float(text) / divisor
    except ValueError:
        return None
    return value if value == value else None  # not for NaN


def _date(text: str) -> datetime | None:
    try:
        found = parsedate_to_datetime(text)
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
