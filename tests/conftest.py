"""Fixtures that every test may ask for; each starts its server only when first used."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from xdist.scheduler import LoadScopeScheduling

# A machine that is busy with something else is no fault of what is tested: examples are not timed.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")
pytest_plugins = ["tests.support.stack", "tests.support.docker"]

# With several workers, what shares servers runs in one of them: first whatever needs a Docker engine, then what needs a
# broker or a ClickHouse engine, so that each is started once; unit tests fill up, file by file.
GROUPS = {
    "tests/e2e": "docker",
    "tests/faults": "docker",
    "tests/integration/sandbox": "docker",
    "tests/integration/deploy": "docker",
    "tests/integration/pipeline": "log",
    "tests/integration/sinks": "log",
    "tests/integration": "servers",
}


class Grouped(LoadScopeScheduling):  # type: ignore[misc]  # pytest-xdist has no types
    """Hands out groups of tests. pytest-xdist's own `loadgroup` has no effect with pytest 9.2: it marks a field of the
    item that is not read any more."""

    def _split_scope(self, nodeid: str) -> str:
        return group_of(nodeid.partition("::")[0])


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Grouped:
    """With `-n`: tests by group."""
    return Grouped(config, log)


def group_of(path: str) -> str:
    """The group of a test file: that of its folder, or its own."""
    return next((group for folder, group in GROUPS.items() if path.startswith(f"{folder}/")), path)
