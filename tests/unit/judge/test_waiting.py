"""How long the provider wants to be left alone."""

from datetime import UTC, datetime

import pytest

from judge.waiting import LONGEST_S, retry_after_s

NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, 0),
        ({"retry-after": "7"}, 7),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after-ms": "1500", "retry-after": "60"}, 1.5),
        ({"retry-after-ms": "soon", "retry-after": "60"}, 60),
        ({"retry-after": "Sun, 01 Mar 2026 12:00:20 GMT"}, 20),
        ({"retry-after": "Sun, 01 Mar 2026 12:00:20 GMT", "date": "Sun, 01 Mar 2026 12:00:15 GMT"}, 5),
        ({"retry-after": "Sun Mar  1 12:00:20 2026"}, 20),
        ({"retry-after": "Sun, 01 Mar 2026 11:00:00 GMT"}, 0),
        ({"retry-after": "-3"}, 0),
        ({"retry-after": "soon"}, 0),
        ({"retry-after": "nan"}, 0),
        ({"retry-after": "inf"}, LONGEST_S),
        ({"retry-after": "86400"}, LONGEST_S),
        ({"retry-after": "Sun, 01 Mar 2099 12:00:20 GMT"}, LONGEST_S),
    ],
)
def test_seconds_to_wait(headers: dict[str, str], seconds: float) -> None:
    assert retry_after_s(headers, NOW) == seconds
