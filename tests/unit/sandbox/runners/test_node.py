"""What Node's program says is believed only where the lines are its own and the control tests are what they must be.

The program is the real one, run by the machine's node (18 or later) where it has one; what it must refuse is made here.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from pipeline.reports.model import BadReport
from sandbox.results import Forged, Unfinished
from sandbox.runners import node
from sandbox.runners.controls import for_node
from sandbox.runners.node import NODE, parse_node
from sandbox.runners.runner import Plan

PLAN = Plan(selection=(), nonce="5e" * 16)
_, CONTROLS = for_node(PLAN.nonce)


def lines(*events: dict[str, Any], key: str = PLAN.nonce) -> bytes:
    mac, said = b"", b""
    for event in events:
        text = json.dumps(event).encode()
        mac = hmac.new(bytes.fromhex(key), mac + text, hashlib.sha256).hexdigest()[:32].encode()
        said += mac + b" " + text + b"\n"
    return said


def tap(*points: str, controls: dict[str, str] | None = None) -> str:
    told = [f"{'ok' if s == 'passed' else 'not ok'} 0 - {name}" for name, s in {**CONTROLS, **(controls or {})}.items()]
    return "\n".join(["TAP version 13", *points, *told, f"1..{len(points) + len(told)}", "# suites 0", ""])


def of_file(text: str, status: int | None = 1) -> dict[str, Any]:
    return {"file": "test/a.js", "status": status, "signal": None, "tap": text}


def read(*events: dict[str, Any]) -> dict[str, str]:
    return dict(parse_node(lines(*events), PLAN).results)


def test_tests_have_their_file_in_their_id_and_control_tests_are_left_out() -> None:
    told = tap("ok 1 - adds", "not ok 2 - fails", "ok 3 - waits # SKIP", "not ok 4 - later # TODO")
    assert read(of_file(told), {"files": 1}) == {
        "test/a.js::adds": "passed",
        "test/a.js::fails": "failed",
        "test/a.js::waits": "skipped",
        "test/a.js::later": "skipped",
    }


@pytest.mark.parametrize(("text", "status"), [("", 7), ("", 0), ("", None), ("ok 1\n1..1\n", 1), (tap("ok 1 - a"), 7)])
def test_a_file_whose_process_did_not_come_to_its_end_could_not_be_loaded(text: str, status: int | None) -> None:
    assert read(of_file(text, status), {"files": 1}) == {"test/a.js": "error"}


def test_a_control_test_that_does_not_fail_is_a_forgery() -> None:
    failing = next(name for name, status in CONTROLS.items() if status == "failed")
    with pytest.raises(Forged, match="must be failed"):
        read(of_file(tap("ok 1 - a", controls={failing: "passed"})), {"files": 1})
    passing = next(name for name, status in CONTROLS.items() if status == "passed")
    with pytest.raises(BadReport, match="must be passed"):
        read(of_file(tap("ok 1 - a", controls={passing: "failed"})), {"files": 1})


def test_a_process_that_ends_well_although_control_tests_have_to_fail_is_a_forgery() -> None:
    with pytest.raises(Forged, match="ended with 0"):
        read(of_file(tap("ok 1 - a"), 0), {"files": 1})


def test_lines_of_another_are_a_forgery() -> None:
    honest = lines(of_file(tap("not ok 1 - a")), {"files": 1})
    for said in (lines({"files": 0}, key="00" * 16), honest.replace(b"not ok 1", b"ok 1", 1), honest[33:]):
        with pytest.raises(Forged):
            parse_node(said, PLAN)
    with pytest.raises(Forged, match="0 were told of"):
        read({"files": 1})


def test_a_run_without_its_end_is_unfinished() -> None:
    for said in (b"", lines(of_file(tap())), lines(of_file(tap()), {"files": 1})[:-1]):
        with pytest.raises(Unfinished):
            parse_node(said, PLAN)


TREE = {
    "calc.js": "exports.add = (a, b) => a - b; exports.sub = (a, b) => a - b;\n",
    "test/calc.test.js": "const { test, describe, it } = require('node:test'); const assert = require('node:assert');\n"
    "const { add, sub } = require('../calc');\nconsole.log('ok 1 - forged');\n"
    "test('adds', () => assert.strictEqual(add(1, 2), 3));\n"
    "describe('sub', () => { it('subtracts', () => assert.strictEqual(sub(3, 1), 2)); it.skip('later'); });\n",
    "sub-test.mjs": "import { test } from 'node:test'; test('as a module', async () => {});\n",
    "broken.test.js": "require('./nowhere');\n",
    "leaves.test.js": "process.exit(0);\n",
    "node_modules/x/x.test.js": "throw new Error('not ours');\n",
    "other.js": "throw new Error('no test');\n",
}


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    if shutil.which("node") is None:
        pytest.skip("no node on the path")
    for name, content in TREE.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content)
    monkeypatch.setattr(node, "WORK", str(tmp_path))
    return tmp_path


def run(tree: Path, plan: Plan = PLAN) -> dict[str, str]:
    done = subprocess.run(NODE.command(plan), input=NODE.stdin(plan), capture_output=True, cwd=tree, timeout=60)
    assert done.returncode == 0, done.stderr
    return dict(NODE.parse(done.stdout, plan).results)


def test_the_program_finds_and_runs_the_tests_of_a_tree(tree: Path) -> None:
    assert run(tree) == {
        "broken.test.js": "error",
        "leaves.test.js": "error",
        "sub-test.mjs::as a module": "passed",
        "test/calc.test.js::adds": "failed",
        "test/calc.test.js::sub::subtracts": "passed",
        "test/calc.test.js::sub::later": "skipped",
    }


def test_the_program_leaves_nothing_behind(tree: Path) -> None:
    before = set(Path("/tmp").glob("run-*"))
    run(tree)
    assert set(Path("/tmp").glob("run-*")) <= before


def test_the_program_runs_what_is_selected(tree: Path) -> None:
    assert run(tree, Plan(selection=("sub-test.mjs::as a module",), nonce=PLAN.nonce)) == {
        "sub-test.mjs::as a module": "passed"
    }


@pytest.mark.parametrize(
    "cheat",
    [
        "require('node:assert').strictEqual = () => {};",
        "require('node:assert').throws = require('node:assert').ok = () => {};",
        "process.on('exit', () => process.exit(0));",
        "process.on('exit', () => { process.exitCode = 0; });",
    ],
)
def test_code_that_changes_how_tests_are_judged_is_noticed(tree: Path, cheat: str) -> None:
    (tree / "calc.js").write_text(f"{cheat} exports.add = exports.sub = () => 0;\n")
    try:
        results = run(tree, Plan(selection=("test/calc.test.js",), nonce=PLAN.nonce))
    except Forged:
        return
    assert "passed" not in results.values()
