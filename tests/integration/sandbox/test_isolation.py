"""The sandbox does not start where code would run less isolated than its settings ask for."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from pipeline.errors import EXIT_HELD

pytestmark = pytest.mark.integration


def test_a_runtime_that_the_engine_does_not_offer_holds_the_process(docker_host: str) -> None:
    environment = {**os.environ, "DOCKER_HOST": docker_host, "SANDBOX_RUNTIME": "kata"}
    done = subprocess.run(
        [sys.executable, "-m", "sandbox"], capture_output=True, text=True, timeout=60, env=environment
    )
    assert done.returncode == EXIT_HELD
    assert "deploy.embedded.gvisor ensure" in done.stdout + done.stderr
