"""Fixtures that every test may ask for; each starts its server only when first used."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

# A machine that is busy with something else is no fault of what is tested: examples are not timed.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")
pytest_plugins = ["tests.support.stack", "tests.support.docker"]
