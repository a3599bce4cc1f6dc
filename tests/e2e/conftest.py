"""One embedded stack for all end-to-end tests; those that break it start their own."""

import importlib.util
import os
import shutil
from collections.abc import Iterator

import pytest

from benchmarks.stack import Stack, own_stack


def _missing_part() -> str | None:
    tools = [tool for tool in ("java", "mvn") if shutil.which(tool) is None]
    modules = [module for module in ("chdb",) if importlib.util.find_spec(module) is None]
    return f"the embedded stack needs {', '.join(tools + modules)}" if tools + modules else None


@pytest.fixture(scope="package")
def stack() -> Iterator[Stack]:
    """A running stack, ended with these tests; each uses traces of its own."""
    if reason := _missing_part():
        if os.environ.get("REQUIRE_INTEGRATION"):
            pytest.fail(reason)
        pytest.skip(reason)
    with own_stack() as running:
        yield running
