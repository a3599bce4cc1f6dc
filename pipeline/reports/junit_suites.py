"""A suite of a JUnit report: what it states, what was counted in it, and where the two differ. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from pipeline.reports.model import Stated, difference
from pipeline.reports.values import SECOND_US, count, cut, duration_us


@dataclass(slots=True)
class Suite:
    """An open suite or the root: what it states, and what was counted in it and below."""

    attributes: dict[str, str]
    tests: int = 0
    failed: int = 0
    skipped: int = 0

    @property
    def stated(self) -> Stated:
        """Failed includes errors, skipped what is disabled; None where no attribute says it."""
        says = self.attributes
        return Stated(
            tests=count(says.get("tests")),
            failed=_sum(says, ("failures", "errors")),
            skipped=_sum(says, ("skipped", "skip", "skips", "disabled")),
        )

    def add(self, inner: Suite) -> None:
        """Count what an inner suite has counted."""
        self.tests += inner.tests
        self.failed += inner.failed
        self.skipped += inner.skipped

    def differences(self) -> Iterable[str]:
        """What is stated and was not found, with the suite's name."""
        stated, title = self.stated, cut(self.attributes.get("name", ""), 200)
        for what, said, counted in (
            ("tests", stated.tests, self.tests),
            ("failed", stated.failed, self.failed),
            ("skipped", stated.skipped, self.skipped),
        ):
            if said is not None and (text := difference(what, said, counted)):
                yield f"suite {title}: {text}" if title else text


def _sum(attributes: Mapping[str, str], names: tuple[str, ...]) -> int | None:
    given = [number for name in names if (number := count(attributes.get(name))) is not None]
    return sum(given) if given else None


def together(suites: list[Suite]) -> Suite:
    """The suites as one: it states the sum of what they state, of whatever all of them state."""
    merged = Suite({})
    for key in ("tests", "failures", "errors", "skipped", "disabled"):
        given = [number for suite in suites if (number := count(suite.attributes.get(key))) is not None]
        if given and len(given) == len(suites):
            merged.attributes[key] = str(sum(given))
    return merged


def seconds(suite: Suite) -> float:
    """How long it says it took, 0 where it does not say."""
    return (duration_us(suite.attributes.get("time"), SECOND_US) or 0) / SECOND_US
