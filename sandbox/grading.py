"""From the results of the four runs to a verdict: fail-to-pass, pass-to-pass, level. Pure.

`fixed` needs at least one fail-to-pass and every pass-to-pass kept. The tests of the start commit are asked first: what
they show is `verified`; what only the trace's own tests show is `verified_by_own_tests`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from sandbox.failures import Outcome, unverifiable
from sandbox.results import NOT_PASSED, Results
from sandbox.spec import ORIGINAL_AFTER, ORIGINAL_BEFORE, TRACE_AFTER, TRACE_BEFORE, Run
from schemas.records import TestOutcome

FAIL_TO_PASS, PASS_TO_PASS, PASS_TO_FAIL, FAIL_TO_FAIL = "fail_to_pass", "pass_to_pass", "pass_to_fail", "fail_to_fail"
ABSENT = "absent"
ORIGINAL, TRACE = "original", "trace"
NAMED = 5  # tests named in a detail


def compare(before: Results, after: Results, suite: str) -> tuple[TestOutcome, ...]:
    """Every test of either run, by id. A test of a file that could not be loaded has the status `error`.

    A file that could not be loaded before and can be now is no test: its tests are listed instead.
    """
    ids = sorted({id for id in before if "::" in id} | after.keys())
    statuses = ((id, _status(before, id), _status(after, id)) for id in ids)
    return tuple(
        TestOutcome(id=id, before=old, after=new, category=category(old, new), suite=suite) for id, old, new in statuses
    )


def _status(results: Results, id: str) -> str:
    return results.get(id) or results.get(id.partition("::")[0], ABSENT)


def category(before: str, after: str) -> str:
    """What the change did to a test. A passing test that is skipped or gone afterwards is lost."""
    if before == "passed":
        return PASS_TO_PASS if after == "passed" else PASS_TO_FAIL
    if before in NOT_PASSED:
        return FAIL_TO_PASS if after == "passed" else FAIL_TO_FAIL
    return "other"


@dataclass(frozen=True, slots=True)
class Grading:
    """What the four runs say. `decisive` is the run that a flaky test would have misled; None where none could."""

    outcome: Outcome
    tests: tuple[TestOutcome, ...]
    decisive: Run | None = None


def grade(runs: Mapping[str, Results], configuration_touched: bool) -> Grading:
    """The grading of all four runs' results, by run name; runs of equal trees share one object."""
    original = compare(runs[ORIGINAL_BEFORE.name], runs[ORIGINAL_AFTER.name], ORIGINAL)
    trace = compare(runs[TRACE_BEFORE.name], runs[TRACE_AFTER.name], TRACE)
    same = runs[ORIGINAL_BEFORE.name] is runs[TRACE_BEFORE.name] and runs[ORIGINAL_AFTER.name] is runs[TRACE_AFTER.name]
    tests = original if same else original + trace
    if outcome := _nothing_ran(runs):
        return Grading(outcome, tests)
    final = runs[TRACE_AFTER.name]
    for suite, after in ((original, ORIGINAL_AFTER), (trace, TRACE_AFTER)):
        if lost := _ids(suite, PASS_TO_FAIL):
            return Grading(_lost(lost, final), tests, after)
    for suite, after, level in ((original, ORIGINAL_AFTER, "verified"), (trace, TRACE_AFTER, "verified_by_own_tests")):
        if fixed := _ids(suite, FAIL_TO_PASS):
            detail = f"fail without the change and pass with it: {_names(fixed)}"
            return Grading(Outcome("fixed", detail, level=level), tests, after)
    return Grading(_nothing_fixed(original, trace, configuration_touched), tests)


def flaky(grading: Grading, repeat: Results) -> Outcome | None:
    """The outcome where the decisive run, repeated on the same files, disagrees with itself; None where it agrees."""
    suite = ORIGINAL if grading.decisive is ORIGINAL_AFTER else TRACE
    watched = {PASS_TO_PASS, PASS_TO_FAIL, FAIL_TO_PASS}
    rows = (test for test in grading.tests if test.suite == suite and test.category in watched)
    differing = tuple(test.id for test in rows if (_status(repeat, test.id) == "passed") != (test.after == "passed"))
    if not differing:
        return None
    return Outcome("flaky", f"differ between two runs of the same files: {_names(differing)}")


def count(results: Results) -> Counter[str]:
    """Tests per status."""
    return Counter(results.values())


def _nothing_ran(runs: Mapping[str, Results]) -> Outcome | None:
    if not any(runs.values()):
        return unverifiable("no_tests")
    if not any("::" in id for results in runs.values() for id in results):
        return unverifiable("collection_failed", _names(tuple(runs[TRACE_AFTER.name])))
    return None


def _lost(lost: tuple[str, ...], final: Results) -> Outcome:
    if all(final.get(id) == "passed" for id in lost):
        return unverifiable("tests_rewritten", _names(lost))
    return Outcome("regressed", f"pass without the change and not with it: {_names(lost)}")


def _nothing_fixed(
    original: tuple[TestOutcome, ...], trace: tuple[TestOutcome, ...], configuration_touched: bool
) -> Outcome:
    if failing := _ids(original, FAIL_TO_FAIL):
        return Outcome("not_fixed", f"fail without the change and with it: {_names(failing)}")
    if configuration_touched:
        return unverifiable("configuration_changed")
    if own := _ids(trace, FAIL_TO_FAIL):
        return Outcome("not_fixed", f"the trace's own tests fail without the change and with it: {_names(own)}")
    return unverifiable("no_failing_test")


def _ids(tests: tuple[TestOutcome, ...], wanted: str) -> tuple[str, ...]:
    return tuple(test.id for test in tests if test.category == wanted)


def _names(ids: tuple[str, ...]) -> str:
    more = f" and {len(ids) - NAMED} more" if len(ids) > NAMED else ""
    return ", ".join(id[:200] for id in ids[:NAMED]) + more
