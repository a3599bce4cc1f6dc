"""The record of a validation. Pure; keeps it below the log's record limit, whatever the number of tests."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from sandbox.claims import Checked
from sandbox.failures import Outcome
from sandbox.grading import FAIL_TO_FAIL, FAIL_TO_PASS, PASS_TO_FAIL, PASS_TO_PASS, count
from sandbox.suites import Evidence
from schemas.records import DifferingClaim, TestOutcome, TraceAssembled, TraceValidated

Row = TypeVar("Row", TestOutcome, DifferingClaim)
LIVE = "live"  # run id of a validation that followed its trace, not one of a re-validation run
ROWS_BYTES = 1024 * 1024
CLAIMS_BYTES = 256 * 1024
LONGEST_ID = 1000
LONGEST_DETAIL = 2000
_ROW_BYTES = 40  # statuses, category and suite of a row, at most
_FIRST = (PASS_TO_FAIL, FAIL_TO_PASS, FAIL_TO_FAIL, PASS_TO_PASS, "other")


def validated(
    record: TraceAssembled,
    outcome: Outcome,
    evidence: Evidence,
    claims: Checked,
    started_us: int,
    duration_us: int,
) -> TraceValidated:
    """The record of one validation of a revision. Times in microseconds."""
    counts = count(evidence.final)
    rows, differing = kept_rows(evidence.tests), kept_claims(claims.differing)
    omitted = {
        name: str(left)
        for name, left in (
            ("tests_omitted", len(evidence.tests) - len(rows)),
            ("claims_omitted", len(claims.differing) - len(differing)),
        )
        if left
    }
    return TraceValidated(
        trace_id=record.trace_id,
        project=record.project,
        revision=record.revision,
        head=record.head,
        verdict=outcome.verdict,
        level=outcome.level,
        reason=outcome.reason,
        detail=outcome.detail[:LONGEST_DETAIL],
        runs=tuple(evidence.runs),
        tests=rows,
        tests_passed=counts["passed"],
        tests_failed=counts["failed"] + counts["error"],
        environment=evidence.environment | omitted,
        run_id=LIVE,
        started_at_us=started_us,
        duration_us=duration_us,
        claims_reproduced=claims.reproduced,
        claims_compared=claims.compared,
        claims_incomparable=claims.incomparable,
        claims=differing,
    )


def kept_rows(tests: Iterable[TestOutcome]) -> tuple[TestOutcome, ...]:
    """As many rows as ROWS_BYTES take, those that decide the verdict first; ids of a kilobyte and more are left out."""
    return _fitting(sorted(tests, key=lambda test: _FIRST.index(test.category)), ROWS_BYTES)


def kept_claims(claims: Iterable[DifferingClaim]) -> tuple[DifferingClaim, ...]:
    """As many differing claims as CLAIMS_BYTES take, in order; ids of a kilobyte and more are left out."""
    return _fitting(claims, CLAIMS_BYTES)


def _fitting(rows: Iterable[Row], room: int) -> tuple[Row, ...]:
    kept: list[Row] = []
    for row in rows:
        size = len(row.id.encode(errors="replace")) + _ROW_BYTES
        if size <= min(room, LONGEST_ID):
            kept.append(row)
            room -= size
    return tuple(kept)
