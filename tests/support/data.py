"""Where the real inputs are: the shared data folder beside the project, which a checkout elsewhere does not have."""

from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
SHARED_DATA = PROJECT.parent / "shared" / "data"
REAL_SESSIONS = tuple(sorted((PROJECT / "examples" / "real").glob("*.traj.json.gz")))


def shared_data(folder: str) -> Path:
    """A folder of the shared data; skips the test where it is absent."""
    path = SHARED_DATA / folder
    if not path.is_dir():
        pytest.skip(f"shared data absent: {folder}")
    return path
