"""A result is reproduced where verdict and every test are as before, and nothing else is asked of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from sandbox.reproduction import Earlier, compared, statuses_of
from sandbox.revalidation import Tally
from schemas.records import TraceValidated
from tests.support.finished import example, fresh_id

MADE = example(TraceValidated, fresh_id())
EARLIER = Earlier("live", "fixed", "verified", "", statuses_of(MADE.tests))


def test_an_equal_result_is_reproduced_whatever_its_words_and_times() -> None:
    made = replace(MADE, detail="in other words", duration_us=1, environment={"runtime": "runsc"})
    result = compared(made, "run-1", EARLIER)
    assert (result.run_id, result.reproduced, result.compared_with) == ("run-1", True, "live")
    assert replace(result, run_id=made.run_id, reproduced=None, compared_with=None) == made


@pytest.mark.parametrize(
    "change",
    [
        {"verdict": "flaky"},
        {"level": "verified_by_own_tests"},
        {"level": None},
        {"reason": "redacted"},
        {"tests": MADE.tests[:1]},
        {"tests": (replace(MADE.tests[0], before="error"), MADE.tests[1])},
    ],
)
def test_any_other_verdict_or_test_is_not(change: dict[str, Any]) -> None:
    assert compared(replace(MADE, **change), "run-1", EARLIER).reproduced is False


def test_without_an_earlier_one_it_is_neither() -> None:
    result = compared(MADE, "run-1", None)
    assert (result.run_id, result.reproduced, result.compared_with) == ("run-1", None, None)


def test_a_tally_numbers_what_it_counts() -> None:
    tally = Tally(selected=4, already=1, unreadable=["trace-x"])
    assert tally.add(compared(MADE, "run-1", EARLIER)) == f"3/4  {MADE.trace_id}  fixed  reproduced"
    unverifiable = replace(MADE, verdict="unverifiable", reason="no_tests")
    assert tally.add(compared(unverifiable, "run-1", EARLIER)).startswith("4/4  ")
    document = tally.document("run-1")
    assert (document["validated"], document["reproduced"], document["differ"], document["not_compared"]) == (2, 1, 1, 0)
    assert document["verdicts"] == {"fixed": 1, "unverifiable": 1}
