"""When a consumer stands still: decided from what is seen at each look."""

from __future__ import annotations

from aiokafka.structs import TopicPartition

from pipeline.watchdog import LOOKS, Course, Verdict

PLACE = TopicPartition("t", 0)


def _looks(
    count: int, end: int | None = 9, takes_more: bool = True, moves: bool = False, turns: bool = True
) -> list[str]:
    verdict, said = Verdict(), []
    for number in range(count):
        course = Course(number if turns else 0, number if moves else 0, takes_more, {PLACE: 5})
        said.append(verdict.look(course, None if end is None else {PLACE: end}) or "")
    return said


def test_records_that_nobody_takes_are_a_stall_after_so_many_looks() -> None:
    said = _looks(LOOKS + 1)
    assert said[:-1] == [""] * LOOKS
    assert said[-1] == "the log holds more, and nothing is taken"


def test_a_turn_that_does_not_end_is_a_stall_even_where_there_is_no_room() -> None:
    assert _looks(LOOKS + 1, takes_more=False, turns=False)[-1] == "one turn of the work does not end"


def test_who_moves_is_idle_has_no_room_or_has_no_broker_goes_on() -> None:
    many = 3 * LOOKS
    for said in (_looks(many, moves=True), _looks(many, end=5), _looks(many, takes_more=False), _looks(many, end=None)):
        assert said == [""] * many
    assert _looks(many, end=None, turns=False) == [""] * many


def test_one_move_begins_the_count_anew() -> None:
    verdict = Verdict()
    for number in range(4 * LOOKS):
        course = Course(number, number // LOOKS, True, {PLACE: 5})
        assert verdict.look(course, {PLACE: 9}) is None
