"""The home folder: one supervisor at a time, known by the lock it holds and not by a file that may be stale."""

import os
from pathlib import Path

from pipeline.cli.home import Home


def test_status_is_empty_until_written_and_survives_a_broken_file(tmp_path: Path) -> None:
    home = Home(tmp_path)
    assert home.status() == {}
    home.write_status({"state": "ready"})
    assert home.status() == {"state": "ready"}
    home.status_file.write_text("{")
    assert home.status() == {}


def test_only_one_holds_the_lock(tmp_path: Path) -> None:
    home = Home(tmp_path)
    held = home.lock()
    assert held is not None
    assert home.lock() is None
    held.close()
    again = home.lock()
    assert again is not None
    again.close()


def test_the_pid_counts_only_while_the_lock_is_held(tmp_path: Path) -> None:
    home = Home(tmp_path)
    assert home.supervisor_pid() is None
    held = home.lock()
    assert held is not None
    held.write(str(os.getpid()))
    held.flush()
    assert home.supervisor_pid() == os.getpid()
    held.close()
    assert home.supervisor_pid() is None
