"""From a session to its bundle, and from there, without the stack, to what it proves, by two verifiers."""

import json
import sys
import time
from pathlib import Path
from subprocess import CompletedProcess, run
from typing import Any

import httpx2
import pytest

from benchmarks.stack import TOKEN, Stack
from benchmarks.traffic import small_session
from clients.session import submit, wait_for
from clients.verifier import prbundle_verify

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]
PATIENCE_S = 60


def _gateway(stack: Stack, path: str) -> str:
    url = stack.home.status()["addresses"]["GATEWAY_URL"]
    answer = httpx2.get(f"{url}{path}", headers={"Authorization": f"Bearer {TOKEN}"})
    answer.raise_for_status()
    return answer.text


def _bundle(stack: Stack, trace_id: str, *options: str) -> str:
    """The trace's bundle, once a checkpoint covers its revision, verdict and score."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        done = stack.cli("bundle", trace_id, "--wait", str(PATIENCE_S), *options)
        assert done.returncode == 0, done.stderr
        if len(json.loads(done.stdout)["leaves"]) == 3:
            return done.stdout
        assert time.monotonic() < deadline
        time.sleep(0.5)


def _alone(folder: Path, *options: str) -> CompletedProcess[str]:
    line = [sys.executable, "-I", prbundle_verify.__file__, *options]
    return run(line, capture_output=True, text=True, timeout=60, cwd=folder)


def test_a_session_is_proven_offline_by_two_verifiers(stack: Stack, tmp_path: Path) -> None:
    with stack.client() as client:
        before, made = (submit(client, small_session(number)) for number in (1, 2))
        for submitted in (before, made):
            wait_for(client, submitted.trace_id, timeout_s=120)
    (tmp_path / "earlier.prbundle").write_text(_bundle(stack, before.trace_id))
    (tmp_path / "held.note").write_text(json.loads((tmp_path / "earlier.prbundle").read_text())["checkpoint"])
    content = _bundle(stack, made.trace_id, "--checkpoint", str(tmp_path / "earlier.prbundle"))
    (tmp_path / "t.prbundle").write_text(content)
    (tmp_path / "keys.json").write_text(_gateway(stack, "/.well-known/pr-telemetry-notary-keys.json"))
    vkey = json.loads((tmp_path / "keys.json").read_text())["keys"][0]["vkey"]
    held = ["--checkpoint", str(tmp_path / "held.note")]

    told = stack.cli("verify", str(tmp_path / "t.prbundle"), "--key", str(tmp_path / "keys.json"), *held, "--json")
    assert told.returncode == 0, told.stdout + told.stderr
    report: dict[str, Any] = json.loads(told.stdout)
    assert f"Revision 1 of {made.trace_id}" in report["proven"][0]
    assert sum("was graded by heuristic" in line for line in report["proven"]) == 1
    assert _alone(tmp_path, "t.prbundle", "--key", "keys.json", *held).returncode == 0

    first = json.loads(content)["chunks"][0]["events"][0]
    other = json.dumps(first.replace('"seq":0', '"seq":9'))[1:-1]
    altered = content.replace(json.dumps(first, ensure_ascii=False)[1:-1], other)
    assert altered != content
    (tmp_path / "t.prbundle").write_text(altered)
    assert stack.cli("verify", str(tmp_path / "t.prbundle"), "--key", vkey, *held).returncode == 1
    alone = _alone(tmp_path, "t.prbundle", "--key", vkey, *held)
    assert (alone.returncode, "broken_chain" in alone.stdout) == (1, True)
