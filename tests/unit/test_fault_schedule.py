"""The fault runner's schedule: the same seed is the same harm, and everybody gets a share of it."""

from tests.faults.schedule import draw

VICTIMS = ["a", "b", "c"]


def test_a_seed_is_one_schedule_and_another_seed_another_one() -> None:
    assert draw(1, 20, 2.0, VICTIMS) == draw(1, 20, 2.0, VICTIMS[::-1])
    assert draw(1, 20, 2.0, VICTIMS) != draw(2, 20, 2.0, VICTIMS)


def test_everybody_is_struck_equally_often_in_order_of_time() -> None:
    faults = draw(7, 30, 2.0, VICTIMS)
    assert {victim: sum(f.victim == victim for f in faults) for victim in VICTIMS} == dict.fromkeys(VICTIMS, 10)
    assert [f.at_s for f in faults] == sorted(f.at_s for f in faults)
    assert 30 < faults[-1].at_s < 90
    assert all((f.lasts_s > 0) == (f.kind == "pause") for f in faults)
