"""Events of a document become rows: bytes as stored, arrival times of their chunks, tampered fields left empty."""

from typing import Any

import pytest

from pipeline.canonical import dumps
from sinks.event_rows import event_rows
from tests.support.finished import example_document


def test_a_row_holds_the_stored_bytes_and_its_columns() -> None:
    document = example_document()
    rows = event_rows(document)
    assert [row["event"].encode() for row in rows] == [dumps(event) for event in document["events"]]
    assert dumps(document).find(b",".join(row["event"].encode() for row in rows)) > 0
    for index, (row, event) in enumerate(zip(rows, document["events"], strict=True)):
        assert (row["chain_index"], row["seq"], row["event_id"]) == (index, event["seq"], event["id"])
        assert (row["type"], row["ts_client"]) == (event["type"], event["ts_client_us"])
        assert row["caused_by"] == event.get("caused_by", [])
    tests = next(row for row in rows if row["type"] == "test_run")
    assert (tests["framework"], tests["passed"], tests["failed"], tests["exit_code"]) == ("pytest", 1, 1, 1)


def _document(chunks: list[tuple[int, int]], events: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "chunks": [
            {"chunk_seq": seq, "received_at_us": 1000 + seq, "event_count": count}
            for seq, (_, count) in enumerate(chunks)
        ],
        "events": events,
    }


def _event(seq: int, **other: Any) -> dict[str, Any]:
    return {"id": f"e{seq}", "seq": seq, "type": "cmd_run", "ts_client_us": 5, **other}


def test_an_event_arrived_with_its_chunk() -> None:
    rows = event_rows(_document([(0, 2), (1, 1)], [_event(i) for i in range(3)]))
    assert [(row["chunk_seq"], row["received_at"]) for row in rows] == [(0, 1000), (0, 1000), (1, 1001)]


def test_an_event_that_could_not_be_read_hides_no_other() -> None:
    assert len(event_rows(_document([(0, 2), (1, 2)], [_event(i) for i in range(3)]))) == 3


def test_more_events_than_the_chunks_brought_are_refused() -> None:
    with pytest.raises(ValueError, match="3 events in chunks of 2"):
        event_rows(_document([(0, 2)], [_event(i) for i in range(3)]))


@pytest.mark.parametrize(
    ("field", "column", "altered", "empty"),
    [
        ("exit_code", "exit_code", "0", None),
        ("exit_code", "exit_code", 2**63, None),
        ("duration_us", "duration_us", -1, None),
        ("passed", "passed", 2**63, 0),
        ("command", "command", 7, ""),
        ("caused_by", "caused_by", "e0", []),
        ("caused_by", "caused_by", ["e0", 1], ["e0"]),
    ],
)
def test_an_altered_field_is_empty_in_its_column_and_kept_in_the_event(
    field: str, column: str, altered: Any, empty: Any
) -> None:
    (row,) = event_rows(_document([(0, 1)], [_event(0, **{field: altered})]))
    assert row[column] == empty
    assert row["event"].encode() == dumps(_event(0, **{field: altered}))
