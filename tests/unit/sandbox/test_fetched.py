"""The folder of fetched repositories is a cache with a bound."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from sandbox.fetched import IN_USE_S, sweep_fetched, used

NOW_S, KIB = 1_600_000_000.0, 1024


def repository(folder: Path, name: str, used_s: float, size: int = 100 * KIB) -> Path:
    """A folder as a fetch leaves it, used that many seconds ago."""
    path = folder / "origin" / name
    (path / "objects" / "pack").mkdir(parents=True)
    (path / "objects" / "pack" / "one.pack").write_bytes(bytes(size))
    os.utime(path, (NOW_S - used_s, NOW_S - used_s))
    return path


@pytest.fixture
def three(tmp_path: Path) -> list[Path]:
    return [repository(tmp_path, f"{n}.git", used_s=n * 2 * IN_USE_S) for n in (1, 2, 3)]


@pytest.mark.parametrize(("kib", "left"), [(1000, 3), (250, 2), (120, 1), (10, 0)])
def test_what_was_unused_for_longest_goes_until_the_rest_has_room(
    tmp_path: Path, three: list[Path], kib: int, left: int
) -> None:
    assert sweep_fetched(tmp_path, kib * KIB, NOW_S) == 3 - left
    assert [path.exists() for path in three] == [number < left for number in range(3)]
    assert len(list(tmp_path.glob("*/*"))) == left, "nothing half removed is left"


def test_a_use_makes_it_young(tmp_path: Path, three: list[Path]) -> None:
    used(three[2])
    assert sweep_fetched(tmp_path, 120 * KIB) == 2
    assert three[2].exists()


def test_what_may_be_read_now_stays_whatever_it_takes(tmp_path: Path) -> None:
    young = repository(tmp_path, "a.git", used_s=IN_USE_S / 2)
    assert sweep_fetched(tmp_path, 1, NOW_S) == 0
    assert young.exists()


def test_what_a_killed_fetch_has_left_goes(tmp_path: Path) -> None:
    old = repository(tmp_path, ".fetching-a", used_s=2 * IN_USE_S)
    young = repository(tmp_path, ".fetching-b", used_s=10)
    assert sweep_fetched(tmp_path, 1000 * KIB, NOW_S) == 1
    assert (old.exists(), young.exists()) == (False, True)


def test_a_folder_that_is_not_there_yet_is_empty(tmp_path: Path) -> None:
    assert sweep_fetched(tmp_path / "none", 1, NOW_S) == 0
    used(tmp_path / "none")
