"""A fix commit of a repository goes in through the public interface, comes out as fixed, and is so again later."""

import json
import os
import time
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
    _again(stack, trace["trace_id"])


def _again(stack: Stack, trace_id: str) -> None:
    """Validate it again, under a name of its own: the live result stays the current one."""
    given = ("revalidate", "--trace", trace_id, "--where", "intact", "--name", "again", "--by", "anna", "--json")
    assert json.loads(stack.cli(*given).stdout) == {"run": "again", "selected": 1, "traces": [trace_id], "done": False}
    done = stack.cli(*given, "--yes")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert (told["validated"], told["reproduced"], told["differ"]) == (1, 1, 0)
    assert json.loads(stack.cli(*given, "--yes").stdout)["already"] == 1
    clickhouse = stack.clickhouse()
    asked = "SELECT run_id, current, reproduced, compared_with FROM v1_validations WHERE trace_id = {id:String}"
    deadline = time.monotonic() + 30
    while len(rows := clickhouse.rows(f"{asked} ORDER BY run_id", {"id": trace_id})) < 2:
        assert time.monotonic() < deadline, rows
        time.sleep(0.2)
    assert [tuple(row.values()) for row in rows] == [("again", False, True, "live"), ("live", True, None, "")]
    audit = clickhouse.rows("SELECT actor, detail FROM v1_audit WHERE subject = 'run/again'")
    assert {row["actor"] for row in audit} == {"cli/anna"}
    assert audit[0]["detail"]["where"] == "intact"
