"""Which steps are taken, and what is refused."""

from pathlib import Path

import pytest

from sinks.steps import BadMigration, Step, choose, read_steps

STEPS = [Step(number, f"s{number}", f"UP {number}", f"DOWN {number}") for number in (1, 2, 3)]
APPLIED = {step.number: step.checksum for step in STEPS}


def _taken(applied: dict[int, str], target: int | None) -> list[tuple[int, bool]]:
    return [(step.number, up) for step, up in choose(STEPS, applied, target)]


def test_up_to_the_newest_from_anywhere() -> None:
    assert _taken({}, None) == [(1, True), (2, True), (3, True)]
    assert _taken({1: APPLIED[1]}, None) == [(2, True), (3, True)]
    assert _taken(APPLIED, None) == []


def test_down_goes_backwards() -> None:
    assert _taken(APPLIED, 1) == [(3, False), (2, False)]
    assert _taken(APPLIED, 0) == [(3, False), (2, False), (1, False)]
    assert _taken({1: APPLIED[1]}, 2) == [(2, True)]


def test_a_step_that_was_taken_must_not_change() -> None:
    with pytest.raises(BadMigration, match="step 1 is not the one that was taken"):
        _taken({1: "sha256:0"}, None)


def test_a_database_that_is_ahead_is_left_alone() -> None:
    with pytest.raises(BadMigration, match="use a newer release"):
        _taken({**APPLIED, 4: "sha256:0"}, None)


@pytest.mark.parametrize("target", [-1, 4])
def test_an_unknown_step_is_refused(target: int) -> None:
    with pytest.raises(BadMigration, match=f"no step {target}"):
        _taken({}, target)


def test_files_are_numbered_without_holes_and_each_has_a_way_back(tmp_path: Path) -> None:
    assert [step.number for step in read_steps()] == list(range(1, len(read_steps()) + 1))
    (tmp_path / "0002_late.up.sql").write_text("SELECT 1")
    with pytest.raises(BadMigration, match=r"0002_late\.up\.sql has no step back"):
        read_steps(tmp_path)
    (tmp_path / "0002_late.down.sql").write_text("SELECT 1")
    with pytest.raises(BadMigration, match="without holes"):
        read_steps(tmp_path)
