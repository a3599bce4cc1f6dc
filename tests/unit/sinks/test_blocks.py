"""Blocks: where they end, what they are called, and that a planned one is formed again as it was."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sinks.blocks import MAX_BYTES, MAX_ROWS, Entry, block_of, columns, plan, planned, planned_prefix, prefix

ROW = {"a": 1}


def _entry(offset: int, rows: int = 1, size: int = 0) -> Entry:
    return Entry(offset, {"t": [ROW] * rows}, size)


def test_a_block_is_named_by_its_place_in_the_log_and_joins_rows_by_table() -> None:
    first = Entry(7, {"events": [{"n": 1}, {"n": 2}], "traces": [{"n": 3}]})
    ignored, last = Entry(8, {}), Entry(9, {"events": [], "traces": [{"n": 4}]})
    block = block_of("topic", 2, [first, ignored, last])
    assert list(block.rows) == ["events", "traces"]
    assert {table: list(rows) for table, rows in block.rows.items()} == {
        "events": [{"n": 1}, {"n": 2}],
        "traces": [{"n": 3}, {"n": 4}],
    }
    assert block.token("events") == "topic-2-7-9-events"


def test_a_block_without_rows_names_no_table() -> None:
    assert block_of("topic", 0, [Entry(1, {}), Entry(2, {"events": []})]).rows == {}


@pytest.mark.parametrize(
    ("entries", "length"),
    [
        ([], 0),
        ([_entry(0)], 1),
        ([_entry(0, MAX_ROWS + 1), _entry(1)], 1),
        ([_entry(0, MAX_ROWS), Entry(1, {}), _entry(2)], 2),
        ([_entry(0, 1, MAX_BYTES), _entry(1, 1, 1)], 1),
        ([_entry(0, MAX_ROWS // 2), _entry(1, MAX_ROWS // 2)], 2),
    ],
)
def test_a_block_takes_what_its_limits_hold(entries: list[Entry], length: int) -> None:
    assert prefix(entries) == length


@given(st.lists(st.integers(0, 30), min_size=1, max_size=30), st.data())
def test_a_planned_block_is_formed_again_however_much_came_after(counts: list[int], data: st.DataObject) -> None:
    entries = [_entry(2 * index + 5, count) for index, count in enumerate(counts)]
    before = data.draw(st.integers(1, len(entries)))
    cut = entries[: prefix(entries[:before])]
    last = planned(plan(block_of("t", 0, cut).last))
    assert last is not None
    assert entries[: planned_prefix(entries, last)] == cut
    assert planned_prefix(cut[:-1], last) == 0


def test_metadata_of_others_is_no_plan() -> None:
    assert planned("") is None
    assert planned("consumer-1") is None
    assert planned(plan(0)) == 0


def test_columns_turn_rows() -> None:
    assert columns([{"a": 1, "b": "x"}, {"a": 2, "b": "y"}]) == (["a", "b"], [[1, 2], ["x", "y"]])
