"""When a partition's block is cut, and what is committed around it."""

from sinks.blocks import MAX_ROWS, Entry
from sinks.partition import BURST, INTERVAL_S, LINGER_S, Partition

ROW = {"a": 1}


def _entry(offset: int, rows: int = 1) -> Entry:
    return Entry(offset, {"t": [ROW] * rows} if rows else {})


def _partition(planned: int | None = None) -> Partition:
    partition = Partition("topic", 0)
    partition.recover(planned)
    return partition


def test_a_plan_is_committed_before_and_the_offset_after_the_insertion() -> None:
    partition = _partition()
    partition.add(_entry(4), 10.0)
    partition.add(_entry(5), 10.1)
    assert partition.cut(10.0 + LINGER_S) == (4, "plan:5")
    assert partition.block
    assert (partition.block.first, partition.block.last) == (4, 5)
    assert partition.inserted() == (6, "")
    assert partition.block is None


def test_the_first_record_waits_for_company_but_not_for_long() -> None:
    partition = _partition()
    assert partition.cut(9.0) is None
    partition.add(_entry(0), 10.0)
    assert partition.cut(10.0 + LINGER_S * 0.9) is None
    partition.add(_entry(1), 10.0 + LINGER_S * 0.95)
    assert partition.cut(10.0 + LINGER_S) == (0, "plan:1")


def test_after_a_few_blocks_there_is_one_in_an_interval_even_when_full() -> None:
    partition = _partition()
    for offset in range(BURST):
        partition.add(_entry(offset, MAX_ROWS), 10.0)
        assert partition.cut(10.0) == (offset, f"plan:{offset}")
        partition.inserted()
    for number in range(3):
        partition.add(_entry(BURST + number, MAX_ROWS), 10.0 + number * INTERVAL_S)
        assert partition.cut(10.0 + (number + 0.9) * INTERVAL_S) is None
        assert partition.cut(10.0 + (number + 1) * INTERVAL_S)
        partition.inserted()


def test_a_full_block_does_not_linger() -> None:
    partition = _partition()
    partition.add(_entry(0, MAX_ROWS), 10.0)
    partition.add(_entry(1), 10.0)
    assert partition.cut(10.0) == (0, "plan:0")


def test_while_a_block_is_inserted_the_next_one_only_grows() -> None:
    partition = _partition()
    partition.add(_entry(0), 10.0)
    partition.cut(11.0)
    partition.add(_entry(1), 11.0)
    assert partition.cut(99.0) is None
    partition.inserted()
    assert partition.cut(99.0 + INTERVAL_S) == (1, "plan:1")


def test_records_without_rows_move_the_offset_at_once_and_hold_up_nothing() -> None:
    partition = _partition()
    partition.add(_entry(0, 0), 10.0)
    partition.add(_entry(1, 0), 10.0)
    assert partition.cut(10.0) == (2, "")
    assert partition.block is None
    partition.add(_entry(2), 10.0)
    assert partition.cut(10.0 + LINGER_S) == (2, "plan:2")


def test_a_block_that_was_planned_is_waited_for_and_repeated_alone() -> None:
    partition = _partition(planned=6)
    partition.add(_entry(4), 10.0)
    recovering = [partition.recovering]
    assert partition.cut(99.0) is None
    for offset in (5, 6, 7):
        partition.add(_entry(offset), 10.0)
    assert partition.cut(10.0) == (4, "plan:6")
    recovering.append(partition.recovering)
    assert recovering == [True, False]
    partition.inserted()
    assert partition.cut(10.0 + INTERVAL_S) == (7, "plan:7")


def test_a_plan_whose_records_are_gone_is_void() -> None:
    partition = _partition(planned=6)
    partition.add(_entry(9), 10.0)
    assert partition.cut(11.0) == (9, "plan:9")
