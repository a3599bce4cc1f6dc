"""What the runner's program said is believed as a whole, in its order and to its end, or not at all."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest

from pipeline.reports.model import BadReport
from sandbox.results import Forged, Report, Unfinished
from sandbox.runners.controls import for_pytest
from sandbox.runners.events import read_events

KEY = "0f" * 16
ADD = "t.py::test_add"
CONTROLS = {"test_must_fail": "failed", "test_must_pass": "passed"}
COLLECTED = {"kind": "collected", "ids": [ADD, *(f"control::{name}" for name in CONTROLS)]}


def said(*events: dict[str, Any], key: str = KEY) -> bytes:
    mac, lines = hashlib.blake2b(key=bytes.fromhex(key), digest_size=16), []
    for event in events:
        line = json.dumps(event).encode()
        mac.update(line)
        lines.append(mac.hexdigest().encode() + b" " + line + b"\n")
    return b"".join(lines)


def result(id: str, status: str, kind: str = "call") -> dict[str, Any]:
    return {"kind": kind, "id": id, "status": status, "us": 5}


def honest(status: str = "passed") -> list[dict[str, Any]]:
    controls = [result(f"control::{name}", status) for name, status in CONTROLS.items()]
    return [COLLECTED, *controls, result(ADD, status), {"kind": "end", "status": 1}]


def read(data: bytes) -> Report:
    return read_events(data, KEY, CONTROLS, controls_status=1)


def test_an_honest_run_is_read_without_its_control_tests() -> None:
    report = read(said({"kind": "note", "what": "x"}, *honest()))
    assert report == Report({ADD: "passed"}, ("x",), 15)


def test_a_test_has_the_worst_that_was_said_of_it() -> None:
    *before, end = honest()
    assert read(said(*before, result(ADD, "error", "teardown"), end)).results == {ADD: "error"}
    assert read(said(*before, result(ADD, "failed", "part"), end)).results == {ADD: "failed"}


def test_a_run_that_did_not_come_to_its_end_has_no_report() -> None:
    whole = said(*honest())
    for cut in range(len(whole)):
        with pytest.raises(Unfinished):
            read(whole[:cut])


def test_a_line_that_was_changed_left_out_moved_or_added_is_forged() -> None:
    lines = said(*honest()).splitlines(keepends=True)
    changed = [lines[0].replace(b"add", b"sub"), *lines[1:]]
    moved = [lines[1], lines[0], *lines[2:]]
    added = [*lines[:2], said(result(ADD, "passed")), *lines[2:]]
    for forged in (changed, lines[1:], [*lines[:2], *lines[3:]], moved, added, [said(*honest(), key="00" * 16)]):
        with pytest.raises(Forged):
            read(b"".join(forged))


def test_a_second_result_for_a_test_is_forged() -> None:
    events = honest("failed")
    for again in ("call", "setup"):
        with pytest.raises(Forged, match="2 results"):
            read(said(*events[:-1], result(ADD, "passed", again), events[-1]))
    with pytest.raises(Forged, match="after the end"):
        read(said(*events, result("t.py::late", "passed", "part")))
    with pytest.raises(Forged, match="collected 0 times"):
        read(said(*events[:-1], result("t.py::new", "passed"), events[-1]))


@pytest.mark.parametrize("name", CONTROLS)
def test_a_control_test_that_ends_otherwise_is_a_sign_of_tampering(name: str) -> None:
    events = [e for e in honest() if e.get("id") != f"control::{name}"]
    for status in ("passed", "failed", "skipped", "error"):
        if status != CONTROLS[name]:
            with pytest.raises(Forged, match="control test"):
                read(said(*events[:-1], result(f"control::{name}", status), events[-1]))


def test_a_framework_that_ends_well_although_control_tests_failed_is_not_believed() -> None:
    with pytest.raises(Forged, match="ended with 0"):
        read(said(*honest()[:-1], {"kind": "end", "status": 0}))


def test_tests_that_were_collected_and_never_ran_make_a_bad_report() -> None:
    events = [event for event in honest() if event.get("id") != ADD]
    with pytest.raises(BadReport, match="1 tests were collected and never ran"):
        read(said(*events))
    for wrong in ({"kind": "call", "id": ADD}, {"kind": "end"}, result(ADD, "great"), result(ADD, "passed", "x")):
        with pytest.raises(BadReport, match="nobody sends"):
            read(said(wrong))


def test_control_tests_are_new_for_each_run() -> None:
    source, expected = for_pytest("1" * 32)
    assert {"passed", "failed", "skipped"} == set(expected.values())
    assert for_pytest("1" * 32) == (source, expected)
    other, others = for_pytest("2" * 32)
    assert source != other
    assert expected.keys() != others.keys()
