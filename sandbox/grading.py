"""From the results of the four runs to a verdict: fail-to-pass, pass-to-pass, level. Pure.

`fixed` needs at least one fail-to-pass and every pass-to-pass kept. The tests of the start commit are asked first: what
they show is `verified`; what only the trace's own tests show is `verified_by_own_tests`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from sandbox.failures import Outcome, unverifiable
from sandbox.job import Task
from sandbox.results import NOT_PASSED, Results
from sandbox.spec import ORIGINAL_AFTER, ORIGINAL_BEFORE, TRACE_AFTER, TRACE_BEFORE, Run
from schemas.records import TestOutcome

FAIL_TO_PASS, PASS_TO_PASS, PASS_TO_FAIL, FAIL_TO_FAIL = "fail_to_pass", "pass_to_pass", "pass_to_fail", "fail_to_fail"
ABSENT = "absent"
ORIGINAL, TRACE = "original", "trace"
VERIFIED, BY_OWN_TESTS = "verified", "verified_by_own_tests"
BY_ORIGINAL, BY_TRACE = (ORIGINAL_BEFORE, ORIGINAL_AFTER), (TRACE_BEFORE, TRACE_AFTER)
_DECIDING = frozenset({PASS_TO_PASS, PASS_TO_FAIL, FAIL_TO_PASS})
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
    """What the four runs say. `decisive` are the runs before and after that flaky tests would have misled, if any."""

    outcome: Outcome
    tests: tuple[TestOutcome, ...]
    decisive: tuple[Run, Run] | None = None


def grade(runs: Mapping[str, Results], configuration_touched: bool, task: Task) -> Grading:
    """The grading of all four runs' results, by run name; runs of equal trees share one object.

    Where the task has lists of tests, they alone decide, in the runs of the start commit's tests.
    """
    original = compare(runs[ORIGINAL_BEFORE.name], runs[ORIGINAL_AFTER.name], ORIGINAL)
    trace = compare(runs[TRACE_BEFORE.name], runs[TRACE_AFTER.name], TRACE)
    same = runs[ORIGINAL_BEFORE.name] is runs[TRACE_BEFORE.name] and runs[ORIGINAL_AFTER.name] is runs[TRACE_AFTER.name]
    tests = original if same else original + trace
    if outcome := _nothing_ran(runs):
        return Grading(outcome, tests)
    if task.fail_to_pass or task.pass_to_pass:
        return Grading(_as_given(original, task), tests, BY_ORIGINAL)
    final = runs[TRACE_AFTER.name]
    for suite, pair in ((original, BY_ORIGINAL), (trace, BY_TRACE)):
        if lost := _ids(suite, PASS_TO_FAIL):
            return Grading(_lost(lost, final), tests, pair)
    if fixed := _ids(original, FAIL_TO_PASS):
        return Grading(_fixed(fixed, VERIFIED), tests, BY_ORIGINAL)
    if own := _ids(trace, FAIL_TO_PASS):
        return Grading(_still_failing(original, final) or _fixed(own, BY_OWN_TESTS), tests, BY_TRACE)
    return Grading(_nothing_fixed(original, trace, configuration_touched), tests)


def keeping(outcome: Outcome, before: Results, after: Results) -> Grading:
    """The grading of the start commit's tests beside an outcome found from outside, which they can only take away."""
    tests = compare(before, after, ORIGINAL)
    lost = _ids(tests, PASS_TO_FAIL)
    return Grading(_regressed(lost), tests, BY_ORIGINAL) if lost else Grading(outcome, tests)


def flaky(grading: Grading, before: Results, after: Results) -> Outcome | None:
    """The outcome where decisive runs, repeated on the same files, disagree with themselves; None where they agree.

    A test that failed by chance before the change would look like one that the change fixed.
    """
    suite = ORIGINAL if grading.decisive == BY_ORIGINAL else TRACE
    rows = [test for test in grading.tests if test.suite == suite and test.category in _DECIDING]
    pairs = {test.id: ((test.before, _status(before, test.id)), (test.after, _status(after, test.id))) for test in rows}
    differing = tuple(id for id, both in pairs.items() if any((a == "passed") != (b == "passed") for a, b in both))
    return Outcome("flaky", f"differ between runs of the same files: {_names(differing)}") if differing else None


def count(results: Results) -> Counter[str]:
    """Tests per status."""
    return Counter(results.values())


def _nothing_ran(runs: Mapping[str, Results]) -> Outcome | None:
    if not any(runs.values()):
        return unverifiable("no_tests")
    if not any("::" in id for results in runs.values() for id in results):
        return unverifiable("collection_failed", _names(tuple(runs[TRACE_AFTER.name])))
    return None


def _as_given(original: tuple[TestOutcome, ...], task: Task) -> Outcome:
    rows = {test.id: test for test in original}
    before = {id: rows[id].before if id in rows else ABSENT for id in task.fail_to_pass}
    if passing := tuple(id for id, status in before.items() if status == "passed"):
        return unverifiable("task_mismatch", _names(passing))
    kept = frozenset(task.pass_to_pass)
    if lost := tuple(id for id in _ids(original, PASS_TO_FAIL) if not kept or id in kept):
        return _regressed(lost)
    wanted = task.fail_to_pass or _ids(original, FAIL_TO_PASS) + _ids(original, FAIL_TO_FAIL)
    if failing := tuple(id for id in wanted if id not in rows or rows[id].after != "passed"):
        return Outcome("not_fixed", f"do not pass with the change: {_names(failing)}")
    return _fixed(wanted, VERIFIED) if wanted else unverifiable("no_failing_test")


def _fixed(ids: tuple[str, ...], level: str) -> Outcome:
    return Outcome("fixed", f"fail without the change and pass with it: {_names(ids)}", level=level)


def _still_failing(original: tuple[TestOutcome, ...], final: Results) -> Outcome | None:
    """Whether tests of the start commit speak against the trace's own; what cannot even be set up says nothing."""
    failing = tuple(test.id for test in original if (test.before, test.after) == ("failed", "failed"))
    if rewritten := tuple(id for id in failing if final.get(id) == "passed"):
        return unverifiable("tests_rewritten", _names(rewritten))
    return unverifiable("original_still_fails", _names(failing)) if failing else None


def _lost(lost: tuple[str, ...], final: Results) -> Outcome:
    if all(final.get(id) == "passed" for id in lost):
        return unverifiable("tests_rewritten", _names(lost))
    return _regressed(lost)


def _regressed(lost: tuple[str, ...]) -> Outcome:
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
