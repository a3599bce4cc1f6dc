"""What a suite run said, in the form that grading takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pipeline.reports.model import BadReport

Results = Mapping[str, str]
"""Test id -> passed, failed, skipped or error. An id without `::` is a file that could not be loaded."""

NOT_PASSED = frozenset({"failed", "error"})
SEVERITY = ("passed", "skipped", "failed", "error")


@dataclass(frozen=True, slots=True)
class Report:
    """The results of one run. `notes` are signs that the framework was changed, `busy_us` is what all tests took."""

    results: Results
    notes: tuple[str, ...] = ()
    busy_us: int = 0


class Forged(BadReport):
    """The report was made, or made better, by something else than the runner."""


class Unfinished(BadReport):
    """The runner ended before it said that it was done."""
