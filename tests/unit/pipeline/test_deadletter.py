"""A bad deploy does not drain a topic into its dead letters."""

from __future__ import annotations

import pytest

from pipeline.deadletter import IN_A_ROW, REASON_BYTES, SHARE_FROM, Cap, TooManyDeadLetters, headers


def test_a_thousand_in_a_row_are_too_many() -> None:
    cap = Cap()
    for _ in range(IN_A_ROW):
        cap.refuse()
    with pytest.raises(TooManyDeadLetters):
        cap.refuse()


def test_a_good_record_ends_the_row() -> None:
    cap = Cap()
    for _ in range(4):
        for _ in range(IN_A_ROW - 1):
            cap.refuse()
        cap.taken()


@pytest.mark.parametrize(("refused", "too_many"), [(99, False), (101, True)])
def test_one_percent_of_many_are_too_many(refused: int, too_many: bool) -> None:
    cap = Cap()
    for _ in range(SHARE_FROM - refused - 1):
        cap.taken()
    for _ in range(refused):
        cap.refuse()
    if too_many:
        with pytest.raises(TooManyDeadLetters, match="records refused"):
            cap.refuse()
    else:
        cap.refuse()


def test_a_long_or_unencodable_reason_does_no_harm() -> None:
    fields = dict(headers("t", 1, 2, "g", "s", ValueError("\ud800" + "x" * 10_000)))
    assert len(fields["dlq-reason"]) == REASON_BYTES
