"""The runner of Node's own test framework: `node_program.js` of `inside`, sent to the container for each run.

Each file is a process of its own, and its TAP is bound to the run's secret by a process in which no code of the tree
runs. Behind a file's tests come control tests in the same process: what must fail has to fail there, too.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pipeline.reports.model import BadReport, Case
from pipeline.reports.tap import parse_tap
from sandbox.results import SEVERITY, Forged, Report, Unfinished
from sandbox.runners.controls import for_node
from sandbox.runners.runner import PINNED, Plan, Runner
from sandbox.spec import WORK, Statuses

# What stands in the process list has no secret: the program and the plan come by standard input.
_BOOT = """
const fs = require('fs');
const sent = Buffer.alloc(Number(process.argv[1]));
for (let got = 0; got < sent.length; ) {
  try {
    got += fs.readSync(0, sent, got, sent.length - got);
  } catch (error) {
    if (error.code !== 'EAGAIN') throw error;
  }
}
const plan = JSON.parse(sent);
new Function('require', 'sent', plan.program)(require, plan);
"""
_PROGRAM = Path(__file__).parent / "inside" / "node_program.js"
_STATUS = {"passed": "passed", "failed": "failed", "skipped": "skipped", "pending": "skipped"}
_MAC_CHARACTERS = 32
_SOME_FAILED = 1  # of a file's process; the control tests see to it that it is never 0


def _stdin(plan: Plan) -> bytes:
    source, _ = for_node(plan.nonce)
    sent = {
        "program": _PROGRAM.read_text(),
        "nonce": plan.nonce,
        "work": WORK,
        "selection": plan.selection,
        "controls": source,
    }
    return json.dumps(sent).encode()


def _command(plan: Plan) -> tuple[str, ...]:
    return ("node", "-e", _BOOT, str(len(_stdin(plan))))


def parse_node(report: bytes, plan: Plan) -> Report:
    """The report in what the program said. A file whose process did not come to its end has the status `error`.

    Raises BadReport; Forged where a line is not ours or a control test is not what it must be; Unfinished where the
    program was never at its end.
    """
    _, controls = for_node(plan.nonce)
    results: dict[str, str] = {}
    for told, event in enumerate(_authentic(report, plan.nonce)):
        if event.get("files") == told:
            return Report(results)
        if "files" in event:
            raise Forged(f"{event['files']} files ran, {told} were told of")
        for id, status in _of_file(event, controls):
            results[id] = max(results.get(id, status), status, key=SEVERITY.index)
    raise Unfinished("the run was never said to be at its end")


def _authentic(report: bytes, key: str) -> Iterator[dict[str, Any]]:
    mac = b""
    whole, _, _ = report.rpartition(b"\n")  # the program may have been ended in the middle of a line
    for number, line in enumerate(whole.split(b"\n") if whole else ()):
        said, _, event = line.partition(b" ")
        mac = hmac.new(bytes.fromhex(key), mac + event, hashlib.sha256).hexdigest()[:_MAC_CHARACTERS].encode()
        if not hmac.compare_digest(said, mac):
            raise Forged(f"line {number} of the results is not the runner's")
        yield json.loads(event)


def _of_file(event: Mapping[str, Any], controls: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Test ids with statuses; the file alone where its process did not end as one with failed tests does."""
    file = str(event["file"])
    try:
        told = parse_tap(str(event["tap"]).encode())
    except BadReport:
        yield file, "error"
        return
    named = {case.name: case for case in told.cases if not case.suite and case.name in controls}
    if event["status"] != _SOME_FAILED or told.broken or named.keys() != controls.keys():
        _refuse_success(file, event["status"])
        yield file, "error"
        return
    _check(file, named, controls)
    for case in told.cases:
        if case is not named.get(case.name):
            yield "::".join((file, *case.suite, case.name)), _STATUS[case.status]


def _refuse_success(file: str, status: object) -> None:
    if status == 0:
        raise Forged(f"{file[:200]} ended with 0 although control tests have to fail")


def _check(file: str, named: Mapping[str, Case], controls: Mapping[str, str]) -> None:
    for name, status in controls.items():
        if (seen := named[name].status) != status:
            kind = Forged if status == "failed" else BadReport
            raise kind(f"a control test of {file[:200]} that must be {status} was reported as {seen}")


NODE = Runner(
    name="node",
    image="node",
    markers=("package.json",),
    environment={
        **PINNED,
        "NO_COLOR": "1",
    },
    command=_command,
    stdin=_stdin,
    parse=parse_node,
    # the program always ends with 0: what its files' processes ended with is in its report
    statuses=Statuses(some_failed=0),
)
