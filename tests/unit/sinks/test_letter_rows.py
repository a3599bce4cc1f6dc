"""Whatever stands in a dead-letter topic becomes a row."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pipeline.canonical import digest
from sinks.letter_rows import LATEST_MS, letter_rows
from tests.support.finished import fresh_id
from tests.support.letters import record, refused

NAMES = st.sampled_from(["dlq-topic", "dlq-partition", "dlq-offset", "dlq-group", "dlq-reason", "redrive-letter"])


def test_a_letter_says_where_it_lies_where_it_came_from_and_why() -> None:
    one = fresh_id()
    letter = refused(record("trace-log", 17, b"junk", one.encode()), "streams")
    notes = [("dlq-topic", b"trace-log"), ("dlq-partition", b"0"), ("dlq-offset", b"17"), ("dlq-group", b"streams")]
    (row,) = letter_rows(record("trace-log.dlq", 3, b"junk", one.encode(), notes))["dead_letters"]
    assert (row["source_topic"], row["source_partition"], row["source_offset"]) == ("trace-log.dlq", 0, 3)
    assert (row["origin_topic"], row["origin_partition"], row["origin_offset"]) == tuple(letter.origin or ())
    assert (row["trace_id"], row["key"], row["consumer_group"]) == (one, one, "streams")
    assert (row["size"], row["digest"], row["refused_at"]) == (4, digest(b"junk"), 7)


@given(
    st.none() | st.binary(max_size=9),
    st.none() | st.binary(max_size=9),
    st.lists(st.tuples(NAMES, st.none() | st.binary(max_size=40) | st.integers(0).map(lambda n: str(n).encode()))),
    st.integers(-(2**63), 2**63 - 1),
)
def test_anything_is_one_row_within_the_columns(
    key: bytes | None, value: bytes | None, notes: list[tuple[str, bytes | None]], at_ms: int
) -> None:
    found = record("trace-log.dlq", 1, value, b"", notes)
    found.key, found.timestamp = key, at_ms
    (row,) = letter_rows(found)["dead_letters"]
    for name in ("origin_partition", "origin_offset", "size"):
        assert 0 <= row[name] < 2**64
    assert 0 <= row["refused_at"] <= LATEST_MS
