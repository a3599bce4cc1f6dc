"""Whether a re-validation came to the result of an earlier validation. Pure.

It did where verdict, level and reason are the same, and every test has the same statuses before and after. Words and
durations may differ, and so may the environment: which one it was is in each validation's own record.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from schemas.records import TestOutcome, TraceValidated

Statuses = tuple[str, str, str, str]
"""(suite, test id, before, after)."""


@dataclass(frozen=True, slots=True)
class Earlier:
    """A validation of before, as far as it is compared."""

    run_id: str
    verdict: str
    level: str
    reason: str
    tests: frozenset[Statuses]


def statuses_of(tests: Iterable[TestOutcome]) -> frozenset[Statuses]:
    """What is compared of a validation's tests."""
    return frozenset((test.suite, test.id, test.before, test.after) for test in tests)


def compared(made: TraceValidated, run_id: str, earlier: Earlier | None) -> TraceValidated:
    """The validation as one of a run, with whether it is as `earlier` was; without one it says neither."""
    if earlier is None:
        return replace(made, run_id=run_id)
    same = (made.verdict, made.level or "", made.reason or "") == (earlier.verdict, earlier.level, earlier.reason)
    reproduced = same and statuses_of(made.tests) == earlier.tests
    return replace(made, run_id=run_id, reproduced=reproduced, compared_with=earlier.run_id)
