"""Any input ends in a report or in BadReport: found-out formats, limits, and a fuzz of every reader."""

from __future__ import annotations

import tracemalloc
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pipeline.reports import formats, jsonform
from pipeline.reports.ctrfwriter import ctrf
from pipeline.reports.detect import detect
from pipeline.reports.formats import PARSERS, parse
from pipeline.reports.model import BadReport
from pipeline.reports.values import clock_us, count, cut, duration_us, epoch_ms

SEEDS = (
    b"<testsuite name='a' tests='2'><testcase name='t' time='0.5'><failure message='m'>x</failure></testcase>"
    b"</testsuite>",
    b"<TestRun><Results><UnitTestResult testName='t' outcome='Passed' duration='00:00:01'/></Results></TestRun>",
    b"<test-run total='1'><test-suite name='s'><test-case name='t' result='Passed'/></test-suite></test-run>",
    b'{"reportFormat":"CTRF","results":{"tool":{"name":"x"},"summary":{"tests":1,"passed":1,"failed":0,"skipped":0,'
    b'"pending":0,"other":0,"start":1,"stop":2},"tests":[{"name":"t","status":"passed","duration":1,"retries":1}]}}',
    b'{"testResults":[{"name":"f","assertionResults":[{"title":"t","status":"passed","invocations":2}]}],"success":true}',
    b'{"stats":{"tests":1},"tests":[{"title":"t","err":{}}],"pending":[],"failures":[{"title":"h","err":{"message":"m"}}]}',
    b'{"examples":[{"description":"d","status":"failed","exception":{"backtrace":["x"]}}],"summary":{"example_count":1}}',
    b'{"Action":"run","Package":"p","Test":"T/x"}\n{"Action":"fail","Package":"p","Test":"T/x","Elapsed":1}\n'
    b'{"Action":"fail","Package":"p"}\nFAIL\tq [build failed]\n',
    b'{"type":"start","protocolVersion":"1"}\n{"type":"testStart","test":{"id":1,"name":"t","groupIDs":[2]},"time":1}\n'
    b'{"type":"testDone","testID":1,"result":"success","time":2}\n{"type":"done","success":true}\n',
    b"TAP version 14\n# Subtest: s\n    ok 1 - t # SKIP r\n    1..1\nnot ok 1 - s\n  ---\n  error: 'x'\n  ...\n"
    b"1..1\n# tests 1\n",
)


@pytest.mark.parametrize(("data", "format"), list(zip(SEEDS, PARSERS, strict=True)))
def test_the_format_is_found_out(data: bytes, format: str) -> None:
    assert detect(data) == format
    assert detect(b"\xef\xbb\xbf" + data) == format
    assert parse(data).format == format


@pytest.mark.parametrize(
    ("data", "format"),
    [
        ("<?xml version='1.0'?><!-- <x> --><testsuites/>".encode("utf-16"), "junit"),
        (b"\n <?xml-stylesheet href='x'?>\n<vs:TestRun/>", "trx"),
        (b"go: downloading x v1\n" + SEEDS[7], "gotest"),
        (b"> tape test.js\n\nTAP version 13\n1..0\n", "tap"),
        (b"ok 1\n1..1\n", "tap"),
    ],
)
def test_it_is_found_out_behind_what_comes_first(data: bytes, format: str) -> None:
    assert detect(data) == format


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty"),
        (b" \n\xef\xbb\xbf", "none of the formats"),
        (b"hello", "none of the formats"),
        (b"ok  \texample.com/p\t0.1s\n", "none of the formats"),
        (b"<html/>", "root <html>"),
        (b"<!DOCTYPE html><testsuite/>", "document type"),
        (b"{}", "JSON, none of the formats"),
        (b'{"a', "not JSON"),
        (b"PK\x03\x04\x00\x00", "none of the formats"),
    ],
)
def test_what_is_none_is_refused(data: bytes, reason: str) -> None:
    with pytest.raises(BadReport, match=reason):
        parse(data)


def test_a_file_above_the_limit_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(formats, "MAX_BYTES", 1024**2)
    with pytest.raises(BadReport, match="larger than 1 MiB"):
        parse(b" " * (1024**2 + 1))


@pytest.mark.parametrize(
    "data",
    [
        b'{"testResults":[' + b"[]," * 500_000 + b"[]]}",
        b"1..1\nok 1\n  ---\n" + b"  a: b\n" * 100_000 + b"  ...\n",
        b"1..1\n" + b"#\n" * 150_000,
        SEEDS[7] + b'{"Action":"output","Package":"p","Output":"x"}\n' * 10_000,
    ],
    ids=["values", "diagnostics", "lines", "events"],
)
def test_what_is_read_takes_memory_in_proportion(data: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten times as much where values, lines or events were made of the bytes before anybody counted them."""
    monkeypatch.setattr(jsonform, "MAX_VALUES", 100_000)
    tracemalloc.start()
    try:
        with suppress(BadReport):
            parse(data)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 2 * len(data) + 128 * 1024


def survives(data: bytes, format: str) -> None:
    try:
        report = parse(data, format)
    except BadReport as error:
        assert str(error)  # noqa: PT017
    else:
        assert sum(report.totals().values()) == len(report.cases)
        ctrf([("f", report)])


@given(data=st.binary(max_size=200), format=st.sampled_from([*PARSERS, "auto"]))
def test_noise_is_a_report_or_refused(data: bytes, format: str) -> None:
    survives(data, format)


@given(
    seed=st.sampled_from(SEEDS),
    format=st.sampled_from([*PARSERS, "auto"]),
    place=st.floats(0, 1),
    removed=st.integers(0, 40),
    inserted=st.one_of(
        st.binary(max_size=8),
        st.sampled_from(
            [b"null", b"-1", b"1e999", b"[]", b"{}", b'"x"', b"true", b"9" * 40, b"<skipped/>", b"\n    ok\n"]
        ),
    ),
)
@example(SEEDS[0], "auto", 1.0, 0, b"<!DOCTYPE a>")
def test_a_damaged_report_is_a_report_or_refused(
    seed: bytes, format: str, place: float, removed: int, inserted: bytes
) -> None:
    at = int(place * len(seed))
    survives(seed[:at] + inserted + seed[at + removed :], format)


@given(seed=st.sampled_from(SEEDS), kept=st.floats(0, 0.99))
def test_a_cut_report_is_never_green(seed: bytes, kept: float) -> None:
    """What a truncated file has lost may have been a failure."""
    format = detect(seed)
    data = (
        seed[: int(kept * len(seed))].rsplit(b"\n", 1)[0]
        if format in {"gotest", "dart"}
        else seed[: int(kept * len(seed))]
    )
    try:
        report = parse(data, format)
    except BadReport:
        return
    assert format in {"tap", "gotest", "dart"}
    assert not report.green or data.rstrip().endswith((b"1..1", b"# tests", b"# tests 1", b"..."))


@pytest.mark.parametrize(
    ("text", "expected"),
    [("00:00:01.5", 1_500_000), ("1.02:03:04", 93_784_000_000), ("x", None), ("", None), ("1:2", None), (None, None)],
)
def test_clock(text: str | None, expected: int | None) -> None:
    assert clock_us(text) == expected


def test_values_out_of_bounds_are_none() -> None:
    nonsense: list[Any] = [float("nan"), float("inf"), -1, 1e300, "x", None, []]
    assert [duration_us(value, 1) for value in nonsense] == [None] * 7
    assert [count(value) for value in (True, -1, 1.5, "7", "x", 10**12, None)] == [
        None,
        None,
        None,
        7,
        None,
        None,
        None,
    ]
    assert [epoch_ms(value) for value in ("0001-01-01T00:00:00Z", "nonsense", 10**20, "1970-01-01T00:00:01")] == [
        None,
        None,
        None,
        1000,
    ]
    assert len(cut("x" * 10_000, 100)) < 200
