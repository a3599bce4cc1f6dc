"""A validation fits into one record, and the rows that decide stay."""

from __future__ import annotations

from pipeline.kafka import MAX_RECORD_BYTES
from sandbox.claims import Checked
from sandbox.failures import Outcome
from sandbox.grading import compare
from sandbox.spec import RUNS, distinct_runs
from sandbox.suites import Evidence
from sandbox.verdicts import validated
from schemas.codec import decode, encode
from tests.support.sandbox import assembled


def test_a_huge_suite_still_fits_into_a_record() -> None:
    before = {f"tests/test_{n:06}.py::{'x' * 100}": "passed" for n in range(60_000)}
    after = before | {list(before)[-1]: "failed"}
    evidence = Evidence(tests=compare(before, after, "original"), final=after)
    record = validated(assembled("o", "c", []), Outcome("regressed", "d" * 9000), evidence, Checked(), 1, 2)
    data = encode(record)
    assert len(data) < MAX_RECORD_BYTES
    assert decode(data) == record
    assert record.tests[0].category == "pass_to_fail"
    assert int(record.environment["tests_omitted"]) == 60_000 - len(record.tests)
    assert (record.tests_passed, record.tests_failed) == (59_999, 1)


def test_equal_trees_are_run_once() -> None:
    def names(*trees: str) -> list[str]:
        return [run.name for run in distinct_runs(dict(zip((run.name for run in RUNS), trees, strict=True)))]

    assert names("a", "b", "c", "d") == ["original_before", "original_after", "trace_before", "trace_after"]
    assert names("a", "b", "a", "b") == ["original_before", "original_after"]
    assert names("a", "a", "c", "c") == ["original_before", "trace_before"]
