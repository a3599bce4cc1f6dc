"""What a rebuild covers and hands over, and what is left out of a comparison."""

from __future__ import annotations

import pytest
from aiokafka.structs import TopicPartition

from pipeline.letters import FOR_GROUP, meant_for
from pipeline.segments import Entry, entry_of
from schemas.records import TraceAssembled
from schemas.topics import CONTROL, TOPICS
from sinks.rows import Position, rows_of
from sinks.shadow_build import record_of
from sinks.shadow_plan import (
    AGGREGATES,
    FED_BY,
    NOWHERE,
    Bounds,
    Table,
    compared,
    exchanged,
    shadow_of,
    tables_of,
    topics_of,
)
from sinks.shadow_state import placed, spelled
from sinks.worker import DEAD_LETTERS, GROUP, READ
from sinks.worker import TOPICS as SUNK
from tests.support.finished import EXAMPLES, example_document

PLACE = TopicPartition("trace-log", 3)


def test_every_table_that_a_record_becomes_is_rebuilt_from_its_topics() -> None:
    made: dict[str, set[str]] = {"dead_letters": set(DEAD_LETTERS)}
    for topic in READ:
        for name in topic.records:
            record = EXAMPLES[name]
            document = example_document() if isinstance(record, TraceAssembled) else None
            for table in rows_of(record, Position(topic.name, 0, 0), document):
                made.setdefault(table, set()).add(topic.name)
    assert made == {table: set(topics) for table, topics in FED_BY.items()}


def test_what_a_view_looks_through_is_exchanged_last() -> None:
    order = list(FED_BY)
    assert order.index("events") < order.index("traces")
    assert max(map(order.index, ("test_results", "claims"))) < order.index("validations")


def test_without_topics_all_that_the_sinks_read_is_rebuilt_and_erasures_are_known_first() -> None:
    assert topics_of(()) == list(SUNK)
    assert topics_of(())[0] == "trace-log"
    assert tables_of(SUNK) == list(FED_BY)
    assert topics_of(("rejects", "trace-log")) == ["trace-log", "rejects"]
    assert tables_of(("rejects", "rescores")) == ["rejects"]


def test_topics_that_make_no_whole_table_are_refused() -> None:
    with pytest.raises(
        ValueError, match=r"no table is made of rescores alone; together make one: rescores, trace-judged"
    ):
        tables_of(("rescores",))
    (unread,) = {topic.name for topic in TOPICS} - set(SUNK)
    with pytest.raises(ValueError, match=unread):
        topics_of((unread,))


def test_aggregates_are_exchanged_with_their_tables_and_before_them() -> None:
    assert exchanged(["judgements"]) == ["agg_judgements", "rubric_weights", "judgements"]
    assert exchanged(["rejects"]) == ["rejects"]
    assert set(AGGREGATES.values()) <= FED_BY.keys()
    assert not AGGREGATES.keys() & FED_BY.keys()


@pytest.mark.parametrize("name", ["", "a-b", "A", "a b", "a" * 41, "x;drop"])
def test_a_name_that_is_no_name_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="no name for a rebuild"):
        shadow_of("telemetry", name)
    assert shadow_of("telemetry", "r_1") == "telemetry_shadow_r_1"


def test_an_entry_is_handed_over_as_the_record_that_it_was() -> None:
    entry = Entry(7, 1_760_000_000_000, b"key", b"value", (("redrive-group", b"sinks"),))
    record = record_of(PLACE, entry)
    assert (record.topic, record.partition) == PLACE
    assert entry_of(record) == entry
    assert meant_for(record.headers, GROUP)


def test_what_was_erased_is_meant_for_nobody() -> None:
    record = record_of(PLACE, Entry(7, 0, None, None, erased=True))
    assert dict(record.headers).keys() == {FOR_GROUP}
    assert not meant_for(record.headers, GROUP)


def test_places_have_one_spelling() -> None:
    offsets = {PLACE: 3, TopicPartition("rescores.dlq", 0): 0}
    assert placed(spelled(offsets)) == offsets


def _table(name: str, definition: str = "") -> Table:
    return Table(name, ("trace_id", "a", "inserted_at", "source_offset"), ("trace_id", "a"), definition)


def test_when_a_row_was_inserted_is_no_part_of_its_digest() -> None:
    assert "inserted_at" not in _table("traces").content
    assert "tuple(trace_id, a, source_offset)" in _table("traces").content


def test_rows_that_expire_within_the_hour_are_left_out_by_the_ttl_of_the_table_itself() -> None:
    expiring = _table("traces", "... TTL toDateTime(minted_at) + toIntervalDay(17) SETTINGS ...")
    assert expiring.expiry == "toDateTime(minted_at) + INTERVAL 17 DAY > now() + 3600"
    assert _table("audit").expiry == ""


def test_erased_traces_are_left_out_but_where_it_is_said_that_they_are() -> None:
    bounds, sides = Bounds({PLACE: 0}, {PLACE: 9}), ("live", "shadow")
    erased = "trace_id NOT IN (SELECT trace_id FROM live.erasures UNION ALL SELECT trace_id FROM shadow.erasures)"
    assert erased in compared(_table("traces"), sides, bounds)
    assert erased not in compared(_table("erasures"), sides, bounds)


def test_only_rows_of_control_may_be_gone_by_compaction() -> None:
    control = TopicPartition(CONTROL.name, 0)
    bounds = Bounds({control: 0}, {control: 9}, frozenset({4, 2}))
    assert f"NOT IN (2, 4, {NOWHERE})" in bounds.gone("runs")
    assert "NOT IN" not in bounds.gone("traces")
