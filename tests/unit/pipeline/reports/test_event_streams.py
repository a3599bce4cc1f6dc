"""`go test -json` and `dart test --reporter json`: one event a line."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from pipeline.reports import gotest
from pipeline.reports.dart import parse_dart
from pipeline.reports.gotest import CUT_OFF, parse_gotest
from pipeline.reports.model import BadReport, Report

Event = dict[str, Any]


def go(*lines: Event | str) -> Report:
    return parse_gotest(
        "\n".join(one if isinstance(one, str) else orjson.dumps(one).decode() for one in lines).encode()
    )


def ev(action: str, test: str = "", package: str = "p", **more: object) -> Event:
    return {"Action": action, "Package": package, **({"Test": test} if test else {}), **more}


def ran(test: str, action: str, package: str = "p") -> tuple[Event, Event]:
    return ev("run", test, package), ev(action, test, package, Elapsed=0.5)


def statuses(report: Report) -> dict[str, str]:
    return {case.name: case.status for case in report.cases}


def test_subtests_are_tests_and_failures_have_their_output() -> None:
    report = go(
        ev("run", "A"),
        ev("run", "A/x"),
        ev("output", "A/x", Output="=== RUN   A/x\n"),
        ev("output", "A/x", Output="    a_test.go:3: wanted 1\n"),
        ev("fail", "A/x", Elapsed=0.25),
        ev("fail", "A"),
        *ran("B", "skip"),
        ev("fail"),
    )
    assert statuses(report) == {"A": "failed", "A/x": "failed", "B": "skipped"}
    case = report.cases[1]
    assert (case.message, case.duration_us, case.suite) == ("a_test.go:3: wanted 1", 250_000, ("p",))
    assert (report.broken, report.differences) == ((), ())


def test_a_later_run_of_the_package_is_a_retry_and_decides() -> None:
    report = go(*ran("A", "fail"), *ran("B", "pass"), ev("fail"), ev("start"), *ran("A", "pass"), ev("pass"))
    flaky = report.cases[0]
    assert (flaky.status, flaky.flaky, flaky.retries) == ("passed", True, 1)
    assert [one.status for one in flaky.attempts] == ["failed", "passed"]
    assert (report.green, report.differences) == (True, ())


def test_executions_in_one_run_are_as_bad_as_the_worst() -> None:
    (case,) = go(*ran("A", "fail"), *ran("A", "pass"), ev("fail")).cases
    assert (case.status, case.flaky, case.retries) == ("failed", False, 1)


def test_a_test_without_an_end_failed_unless_the_test_around_it_passed() -> None:
    report = go(ev("run", "A"), ev("run", "A/x"), ev("pass", "A"), ev("run", "B"), ev("fail"))
    assert statuses(report) == {"A": "passed", "A/x": "passed", "B": "failed"}
    assert report.cases[2].raw_status == "unfinished"


def test_a_package_that_fails_outside_of_its_tests_is_a_breakage() -> None:
    report = go(*ran("A", "pass"), ev("output", Output="exit status 3\n"), ev("fail"))
    assert [(one.where, one.message) for one in report.broken] == [("p", "exit status 3")]
    assert report.differences == ()


def test_what_the_compiler_said_is_the_message_of_a_package_that_was_not_built() -> None:
    path = "p [p.test]"
    report = go(
        {"ImportPath": path, "Action": "build-output", "Output": "a.go:1: undefined: x\n"},
        {"ImportPath": path, "Action": "build-fail"},
        ev("fail", FailedBuild=path),
    )
    assert report.broken[0].message == "a.go:1: undefined: x"


def test_lines_of_the_go_command_between_the_events_are_understood() -> None:
    report = go("# q", "FAIL\tq [build failed]", *ran("A", "pass"), ev("pass"), "ok")
    assert [one.where for one in report.broken] == ["q"]
    assert statuses(report) == {"A": "passed"}


def test_a_stream_that_stops_is_not_green() -> None:
    report = go(*ran("A", "pass"))
    assert [one.message for one in report.broken] == [CUT_OFF]


def test_a_package_that_says_pass_over_a_failed_test_is_told() -> None:
    assert go(*ran("A", "fail"), ev("pass")).differences == ("it says success, its tests say otherwise",)


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        ((), "no event of a package"),
        (("PASS", "ok p"), "no event of a package"),
        ((ev("pass"), '{"Action":"run","Packa'), "line 2: not JSON"),
        ((ev("pass"), "{]"), "line 2: not JSON"),
    ],
)
def test_a_stream_that_is_none_or_cut_is_refused(lines: tuple[Event | str, ...], reason: str) -> None:
    with pytest.raises(BadReport, match=reason):
        go(*lines)


def test_too_many_tests_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gotest, "MAX_CASES", 3)
    with pytest.raises(BadReport, match="more than 3"):
        go(*(event for number in range(4) for event in ran(f"T{number}", "pass")))


def dart(*events: Event) -> Report:
    start: Event = {"type": "start", "protocolVersion": "0.1.1", "runnerVersion": "1.2", "time": 0}
    return parse_dart(b"\n".join(map(orjson.dumps, (start, *events))))


def dart_test(number: int, name: str, result: str, **more: object) -> tuple[Event, Event]:
    begin = {"type": "testStart", "time": 5, "test": {"id": number, "name": name, "suiteID": 0, "groupIDs": [7]}}
    return begin, {"type": "testDone", "testID": number, "result": result, "time": 9, **more}


def test_dart_counts_what_is_not_hidden() -> None:
    report = dart(
        {"type": "suite", "suite": {"id": 0, "path": "a_test.dart"}},
        {"type": "group", "group": {"id": 7, "name": "Group"}},
        *dart_test(1, "loading a_test.dart", "success", hidden=True),
        *dart_test(2, "Group adds", "success"),
        *dart_test(3, "Group waits", "success", skipped=True),
        {"type": "error", "testID": 4, "error": "wanted 1", "stackTrace": "at a"},
        *dart_test(4, "Group fails", "failure"),
        {"type": "done", "success": False, "time": 20},
    )
    assert statuses(report) == {"adds": "passed", "waits": "skipped", "fails": "failed"}
    failed = report.cases[2]
    assert (failed.message, failed.file, failed.suite, failed.duration_us) == (
        "wanted 1",
        "a_test.dart",
        ("Group",),
        4000,
    )
    assert (report.version, report.differences, report.broken) == ("1.2", (), ())


def test_dart_files_that_do_not_load_and_streams_that_stop_are_breakages() -> None:
    begin, end = dart_test(1, "loading a_test.dart", "error", hidden=False)
    report = dart(begin, {"type": "error", "testID": 1, "error": "syntax"}, end)
    assert report.broken[0].message == "syntax"
    assert [one.where for one in report.broken] == ["loading a_test.dart", "the run"]
    assert report.cases == ()
