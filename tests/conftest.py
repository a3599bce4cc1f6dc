"""Fixtures that every test may ask for; each starts its server only when first used."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# A machine that is busy with something else is no fault of what is tested: examples are not timed.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")
pytest_plugins = ["tests.support.stack", "tests.support.docker"]

TESTS = Path(__file__).parent
# With several workers, what shares servers runs in one of them: first whatever needs a Docker engine, then what needs a
# broker or a ClickHouse engine, so that each is started once; unit tests fill up, file by file.
GROUPS = {
    "e2e": "docker",
    "faults": "docker",
    "integration/sandbox": "docker",
    "integration/deploy": "docker",
    "integration": "servers",
}


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put every test into a group of which all tests run in one worker."""
    for item in items:
        item.add_marker(pytest.mark.xdist_group(group_of(item.path.relative_to(TESTS).as_posix())))


def group_of(path: str) -> str:
    """The group of a test file, by its path below `tests`."""
    return next((group for folder, group in GROUPS.items() if path.startswith(f"{folder}/")), path)
