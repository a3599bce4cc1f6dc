"""What a dead letter says, how it goes back, whom that concerns, and what was decided about it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.audit import audit_entry
from pipeline.letters import (
    DROP,
    REDRIVE,
    REDRIVEN,
    Place,
    Wanted,
    first_stood_at,
    letter_of,
    meant_for,
    place_of,
    states,
    subject,
)
from tests.support.letters import record, redriven, refused

ORIGINAL = record("t", 0, b"value", b"key", [("traceparent", b"00-1")])
LETTER = refused(ORIGINAL, "judge", at=5)


def test_a_letter_says_where_it_came_from_and_why() -> None:
    assert (LETTER.place, LETTER.origin, LETTER.group) == (Place("t.dlq", 0, 5), Place("t", 0, 0), "judge")
    assert (LETTER.error, LETTER.reason, LETTER.key, LETTER.value) == ("Invalid", "bad", b"key", b"value")
    assert LETTER.headers == (("traceparent", b"00-1"),)


def test_a_redriven_record_is_the_original_and_for_the_group_that_refused_it_only() -> None:
    again = redriven(ORIGINAL, "judge", 9)
    assert (again.key, again.value, dict(again.headers)["traceparent"]) == (b"key", b"value", b"00-1")
    assert [meant_for(again.headers, group) for group in ("judge", "sandbox")] == [True, False]
    assert meant_for(ORIGINAL.headers, "sandbox")
    assert [first_stood_at(r) for r in (ORIGINAL, record("t", 3, b"", b""), again)] == [0, 3, 0]


def test_a_redriven_record_that_is_refused_again_keeps_its_first_place_and_names_the_earlier_letter() -> None:
    second = refused(redriven(ORIGINAL, "judge", 9), "judge", at=6)
    assert (second.origin, second.first_offset, second.redrive_of) == (Place("t", 0, 9), 0, "t.dlq/0/0")
    assert second.headers == LETTER.headers
    third = redriven(redriven(ORIGINAL, "judge", 9), "judge", 12)
    assert first_stood_at(third) == 0
    assert [name for name, _ in third.headers].count("redrive-group") == 1


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["dlq-topic", "dlq-partition", "dlq-offset", "redrive-offset", "redrive-group", "x"]),
            st.none() | st.binary(max_size=30),
        )
    )
)
def test_any_headers_make_a_letter(notes: list[tuple[str, bytes | None]]) -> None:
    found = record("t.dlq", 1, None, b"\xff", notes)
    assert letter_of(found).place == Place("t.dlq", 0, 1)
    assert first_stood_at(found) >= 0
    assert meant_for(found.headers, "judge") in (True, False)


@pytest.mark.parametrize(
    ("wanted", "taken"),
    [
        (Wanted(), True),
        (Wanted(topic="t", group="judge", error="Invalid", key="key"), True),
        (Wanted(topic="u"), False),
        (Wanted(group="sandbox"), False),
        (Wanted(error="KeyError"), False),
        (Wanted(key="ke"), False),
        (Wanted(since_ms=7, until_ms=7), True),
        (Wanted(since_ms=8), False),
        (Wanted(until_ms=6), False),
        (Wanted(first=5, last=5), True),
        (Wanted(first=6), False),
        (Wanted(last=4), False),
        (Wanted(places=frozenset({Place("t.dlq", 0, 5)})), True),
        (Wanted(places=frozenset({Place("t.dlq", 1, 5)})), False),
    ],
)
def test_every_part_of_a_filter_counts(wanted: Wanted, taken: bool) -> None:
    assert wanted.takes(LETTER) is taken


def test_a_place_is_spelled_and_read_back() -> None:
    assert place_of(str(LETTER.place)) == LETTER.place
    for text in ("t.dlq", "t.dlq/0", "t.dlq/0/x", ""):
        with pytest.raises(ValueError, match=r"unpack|invalid literal"):
            place_of(text)


def test_the_last_decision_counts() -> None:
    def entry(action: str, offset: int) -> object:
        return audit_entry("cli/ann", action, subject(LETTER.place._replace(offset=offset)), 1)

    entries = [entry(REDRIVE, 1), entry(REDRIVE, 2), entry(REDRIVEN, 2), entry(DROP, 3), entry("key create", 4)]
    assert states(entries) == {  # type: ignore[arg-type]
        "letter/t.dlq/0/1": "redriving",
        "letter/t.dlq/0/2": "redriven",
        "letter/t.dlq/0/3": "dropped",
    }


def test_a_letter_of_somebody_else_has_no_way_back() -> None:
    foreign = letter_of(record("t.dlq", 0, b"", b""))
    assert (foreign.origin, foreign.group) == (None, "")
    assert replace(foreign, place=LETTER.place) != LETTER
