"""`status` tells of each consumer group whether it gets on, not only that its process lives."""

import json
import time
from typing import Any

import pytest

from benchmarks.stack import Stack
from pipeline.cli.plan import SERVICES

GROUPS = {name for _, groups in SERVICES.values() for name in groups}
pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]


def _groups(stack: Stack) -> dict[str, dict[str, Any]]:
    done = stack.cli("status", "--json")
    assert done.returncode == 0, done.stdout
    groups: dict[str, dict[str, Any]] = json.loads(done.stdout)["groups"]
    return groups


def test_every_group_of_a_running_stack_has_its_progress(stack: Stack) -> None:
    deadline = time.monotonic() + 90
    while set(groups := _groups(stack)) != GROUPS:
        assert time.monotonic() < deadline, groups
        time.sleep(1)
    assert {group["progress"] for group in groups.values()} <= {"idle", "moving", "waiting"}
    assert all(not group["alarms"] for group in groups.values())
    shown = stack.cli("status").stdout
    assert "consumer groups" in shown
    assert all(name in shown for name in GROUPS)
