"""What the sandbox says of the cookbook's sessions, worded as it words it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from schemas.records import DifferingClaim, SuiteRun, TestOutcome, TraceValidated
from tests.support.cookbook_telling import Assembled
from tests.support.traces import SECOND_US

PAGER = "tests/test_pager.py::test_"
FULL, LAST, MIDNIGHT = f"{PAGER}full", f"{PAGER}last", f"{PAGER}midnight"
KEPT, FIXED = ("passed", "passed"), ("failed", "passed")
BROKEN, STILL = ("passed", "failed"), ("failed", "failed")
Tests = Mapping[str, tuple[str, str]]
VERDICTS: dict[str, tuple[str, str, str, Tests]] = {
    # name: verdict, level, reason, tests with their status before and after
    "last-page": ("fixed", "verified_by_own_tests", "", {LAST: FIXED}),
    "slow-list": ("regressed", "", "", {FULL: KEPT, LAST: BROKEN, f"{PAGER}empty": BROKEN}),
    "wrong-currency": ("fixed", "verified", "", {FULL: FIXED, LAST: KEPT}),
    "midnight": ("flaky", "", "", {FULL: KEPT, MIDNIGHT: FIXED}),
    "mail-login": ("unverifiable", "", "missing_dependency", {}),
    "last-page-2": ("fixed", "verified", "", {FULL: KEPT, LAST: FIXED}),
    "lost-update": ("not_fixed", "", "", {FULL: KEPT, f"{PAGER}clerks": STILL}),
    "time-zone": ("regressed", "", "", {FULL: KEPT, LAST: BROKEN}),
    "memory": ("unverifiable", "", "no_failing_test", {FULL: KEPT}),
}
BEFORE_THE_LATE_CHUNK = ("not_fixed", "", "", {FULL: KEPT, LAST: STILL})


def validated(one: Assembled, revision: int, **changes: Any) -> TraceValidated:
    """The verdict on a revision of a session; that on an example story is what its own test runs say."""
    known = BEFORE_THE_LATE_CHUNK if revision < one.latest.revision else VERDICTS.get(one.told.name)
    verdict, level, reason, tests = known or _claimed(one)
    about = one.revisions[revision - 1][0]
    rows = tuple(
        TestOutcome(id=name, before=before, after=after, category=_category(before, after), suite="original")
        for name, (before, after) in tests.items()
    )
    passed, failed = (sum(row.after == status for row in rows) for status in ("passed", "failed"))
    took_us = (2 + len(rows)) * SECOND_US // 2
    runs = tuple(_run_of(name, rows, at) for name, at in (("original_before", 0), ("original_after", 1)) if rows)
    claims = tuple(_differing(one, tests)) if reason == "" else ()
    fields: dict[str, Any] = {
        "detail": _detail(verdict, tests) or reason.replace("_", " "),
        "runs": runs,
        "tests": rows,
        "claims": claims,
        "claims_compared": len(rows),
        "claims_reproduced": not claims if rows else None,
        **changes,
    }
    return TraceValidated(
        trace_id=about.trace_id,
        project=about.project,
        revision=revision,
        head=about.head,
        verdict=verdict,
        level=level or None,
        reason=reason or None,
        tests_passed=passed,
        tests_failed=failed,
        environment={"runtime": "runc", "memory_mb": "512"},
        started_at_us=about.closed_at_us + 300_000,
        duration_us=took_us,
        **{"run_id": "live", **fields},
    )


def _claimed(one: Assembled) -> tuple[str, str, str, Tests]:
    """The verdict on an example story: its own first and last test run are what the sandbox sees, too."""
    runs = [{r["id"]: r["status"] for r in e["results"]} for e in one.events if e.get("results")]
    if not runs:
        return "fixed", "verified", "", {"tests/test_login.py::test_user_stays_logged_in[boris]": FIXED}
    tests = {name: (runs[0][name], runs[-1][name]) for name in sorted(runs[0])}
    fixed = all(after == "passed" for _, after in tests.values())
    return ("fixed", "verified", "", tests) if fixed else ("not_fixed", "", "", tests)


def _detail(verdict: str, tests: Tests) -> str:
    if verdict == "flaky":
        return f"differ between runs of the same files: {MIDNIGHT}"
    kept, fixed, broken, still = (list(tests.values()).count(pair) for pair in (KEPT, FIXED, BROKEN, STILL))
    said = {"fixed": f"{fixed} from failing to passing", "regressed": f"{broken} from passing to failing"}
    said["not_fixed"] = f"{still} still failing"
    return f"{said[verdict]}, {kept} kept passing" if verdict in said else ""


def _category(before: str, after: str) -> str:
    return f"{before.removesuffix('ed')}_to_{after.removesuffix('ed')}"


def _run_of(name: str, rows: Sequence[TestOutcome], at: int) -> SuiteRun:
    ends = [(row.before, row.after)[at] for row in rows]
    failed = ends.count("failed")
    return SuiteRun(
        name=name,
        exit_code=int(failed > 0),
        duration_us=400_000 + 10_000 * len(rows),
        passed=ends.count("passed"),
        failed=failed,
        skipped=0,
        errors=0,
        timed_out=False,
    )


def _differing(one: Assembled, tests: Tests) -> Iterator[DifferingClaim]:
    """What the last test run of the session says otherwise than the rerun."""
    last = next((event for event in reversed(one.events) if event.get("results")), None)
    for result in last["results"] if last else ():
        after = tests.get(result["id"], ("", result["status"]))[1]
        if last and after != result["status"]:
            yield DifferingClaim(event_seq=last["seq"], id=result["id"], claimed=result["status"], rerun=after)


def validated_again(one: Assembled) -> Iterator[TraceValidated]:
    """A re-validation that reproduces one verdict and not another."""
    if one.told.name == "wrong-currency":
        yield validated(one, 1, run_id="again", reproduced=True, compared_with="live")
    if one.told.name == "midnight":
        other = TestOutcome(id=MIDNIGHT, before="failed", after="failed", category="fail_to_fail", suite="original")
        yield validated(one, 1, run_id="again", tests=(other,), reproduced=False, compared_with="live")
