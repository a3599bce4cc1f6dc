"""Fixtures that every test may ask for; each starts its server only when first used."""

from __future__ import annotations

pytest_plugins = ["tests.support.stack", "tests.support.docker"]
