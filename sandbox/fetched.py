"""What was fetched from origins stays for the next validation, within a bound: the folder is a cache.

A commit's folder is as old as its last use. What was used within the last hour stays whatever it takes, since a
validation may be reading it.
"""

from __future__ import annotations

import os
import shutil
import time
from contextlib import suppress
from pathlib import Path

IN_USE_S = 3600.0
UNFINISHED = ".fetching-"  # begins the name of a folder that is being filled


def used(repository: Path) -> None:
    """Note that a fetched repository is of use now."""
    with suppress(OSError):  # somebody else's, or gone meanwhile
        os.utime(repository)


def sweep_fetched(folder: Path, most_bytes: int, now_s: float | None = None) -> int:
    """Remove what has been of no use for longest until at most `most_bytes` are left, and what was never finished.

    Returns how many folders went. `now_s`: seconds since the epoch.
    """
    before_s = (time.time() if now_s is None else now_s) - IN_USE_S
    by_use = sorted(((_used_s(path), path) for path in folder.glob("*/*") if path.is_dir()), reverse=True)
    room, removed = most_bytes, 0
    for used_s, path in by_use:
        room -= _size(path)
        if used_s < before_s and (room < 0 or path.name.startswith(UNFINISHED)):
            _remove(path)
            removed += 1
    return removed


def _used_s(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:  # another process sweeps, too
        return 0.0


def _size(path: Path) -> int:
    total = 0
    for file in path.rglob("*"):
        with suppress(FileNotFoundError):
            total += file.lstat().st_size
    return total


def _remove(path: Path) -> None:
    doomed = path.with_name(f"{UNFINISHED}{path.name}")  # so that nobody finds half of it
    with suppress(OSError):
        path.rename(doomed)
    shutil.rmtree(doomed, ignore_errors=True)
