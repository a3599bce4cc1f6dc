"""When retention is about to overtake a reader, or has."""

from __future__ import annotations

import pytest
from aiokafka.structs import TopicPartition

from pipeline.lag import Lag

PLACE = TopicPartition("t", 2)


@pytest.mark.parametrize(
    ("first", "position", "oldest_ms", "retention_ms", "said"),
    [
        (0, 9, None, 1_000, None),
        (0, 5, 300, 1_000, None),
        (0, 5, 199, 1_000, "unread records 0 s old"),
        (0, 5, 0, -1, None),
        (7, 5, 900, 1_000, "2 records of t/2 were dropped"),
        (9, 9, None, 1_000, None),
    ],
    ids=["read", "young", "old", "for ever", "dropped", "expired after reading"],
)
def test_an_alarm_is_given_before_and_after_records_are_lost(
    first: int, position: int, oldest_ms: int | None, retention_ms: int, said: str | None
) -> None:
    alarm = Lag(PLACE, first, position, 9, oldest_ms, retention_ms).alarm(now_ms=1_000)
    assert (said or "None") in str(alarm)


def test_what_was_dropped_is_not_unread_any_more() -> None:
    assert Lag(PLACE, 7, 5, 9, None, 1).unread == 2
