"""What a service says last is one line that can be read by people and machines."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

SERVICE = """
import logging
import threading
from pipeline.deadletter import TooManyDeadLetters
from pipeline.errors import Invalid, Unreachable
from pipeline.telemetry import configure_logs, logger
configure_logs("service", "INFO")
logger("x").info("started", answer=42)
warn = threading.Thread(target=logging.getLogger("library").warning, args=("careful",))
warn.start()
warn.join()
logger("x").debug("not shown")
logging.getLogger("aiokafka.consumer.subscription_state").info("the same topics again")
def fail(variable):
    raise {error}("no such thing")
fail("a " + "secret")
"""


def _lines(error: str, status: int) -> list[dict[str, object]]:
    done = subprocess.run([sys.executable, "-c", SERVICE.format(error=error)], capture_output=True, text=True)
    assert done.returncode == status
    assert done.stdout == ""
    assert "a secret" not in done.stderr
    return [json.loads(line) for line in done.stderr.splitlines()]


@pytest.mark.parametrize(
    ("error", "traced", "status"), [("Unreachable", False, 1), ("TooManyDeadLetters", False, 78), ("Invalid", True, 1)]
)
def test_every_line_is_json_with_its_service_and_the_last_says_why_it_ends(
    error: str, traced: bool, status: int
) -> None:
    started, warned, last = _lines(error, status)
    assert (started["event"], started["answer"], started["service"], started["level"]) == (
        "started",
        42,
        "service",
        "info",
    )
    assert (warned["event"], warned["service"], warned["level"]) == ("careful", "service", "warning")
    assert (last["level"], last["event"]) == ("critical", "stopping")
    assert "no such thing" in str(last["reason"])
    assert ("exception" in last) == traced
