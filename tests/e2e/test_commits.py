"""A fix commit of a repository goes in through the public interface and comes out as fixed."""

import json
import os
from pathlib import Path

import pytest

from benchmarks.stack import Stack
from clients.session import wait_for
from tests.support.sandbox import FIXED, START, make_repository
from tests.unit.clients.test_git_commit import commit

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]


def test_a_fix_commit_is_a_trace_whose_bug_is_fixed(stack: Stack, tmp_path: Path) -> None:
    repository = make_repository(tmp_path / "calc", START)
    commit(repository, {"calc.py": FIXED.encode(), "logo.bin": bytes(range(256))})
    given = ("--format", "git-commit", "--repo", str(repository.folder), "--task-id", "calc-1", "--json", "HEAD")
    done = stack.cli("import", *given)
    assert done.returncode == 0, done.stderr
    with stack.client() as client:
        trace = wait_for(client, json.loads(done.stdout)["trace_id"], timeout_s=200)
    assert trace["integrity"]["status"] == "verified"
    assert trace["task"]["id"] == "calc-1"
    if (note := stack.home.status()["notes"].get("docker")) and not os.environ.get("REQUIRE_INTEGRATION"):
        pytest.skip(note)
    validation = trace["qa"]["validation"]
    assert (validation["verdict"], validation["level"]) == ("fixed", "verified"), validation
    assert "claims_reproduced" not in validation
