"""One case of a JUnit report from its attributes and the elements that say how its executions ended. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pipeline.reports.model import Attempt, Case, Status
from pipeline.reports.values import SECOND_US, count, duration_us, name

_SEVERITY = ("passed", "skipped", "failed", "error")
_STATUS: dict[str, Status] = {"passed": "passed", "skipped": "skipped", "failed": "failed", "error": "failed"}
OUTCOMES = {"failure": "failed", "error": "error", "skipped": "skipped"}
RERUNS = {"rerunFailure", "rerunError", "flakyFailure", "flakyError"}
_NOT_RUN = {"notrun", "disabled", "suppressed", "skipped", "ignored"}


@dataclass(slots=True)
class Outcome:
    """An element that says how a case, or one execution of it, ended."""

    element: str
    kind: str
    message: str | None
    trace: str | None = None


def case_of(attributes: Mapping[str, str], outcomes: list[Outcome], suites: tuple[str, ...]) -> Case:
    """The case; the worst of its outcomes is its status, whatever their order."""
    final = [outcome for outcome in outcomes if outcome.element in OUTCOMES]
    reruns = [outcome for outcome in outcomes if outcome.element in RERUNS]
    words = [OUTCOMES[outcome.element] for outcome in final] or [_unmarked(attributes)]
    worst = max(words, key=_SEVERITY.index)
    told = next((outcome for outcome in final if OUTCOMES[outcome.element] == worst), None)
    failed_before = worst == "passed" and any(outcome.element.startswith("flaky") for outcome in reruns)
    return Case(
        name=name(attributes.get("name")),
        status=_STATUS[worst],
        raw_status="xfail" if told is not None and told.kind == "xfail" else worst,
        suite=tuple(filter(None, suites)),
        classname=name(attributes.get("classname")),
        file=name(attributes.get("file")) or None,
        line=count(attributes.get("line") or attributes.get("lineno")),
        duration_us=duration_us(attributes.get("time"), SECOND_US),
        message=told.message if told else None,
        trace=told.trace if told else None,
        attempts=_attempts(_STATUS[worst], told, reruns) if reruns else (),
        retries=len(reruns),
        flaky=failed_before,
    )


def _unmarked(attributes: Mapping[str, str]) -> str:
    words = {attributes.get("status", "").lower(), attributes.get("result", "").lower()}
    return "skipped" if words & _NOT_RUN else "passed"


def _attempts(status: Status, told: Outcome | None, reruns: list[Outcome]) -> tuple[Attempt, ...]:
    """Every execution in order. Surefire has the first failure as the result, and the last pass after the failures."""
    others = [Attempt(status="failed", message=one.message, trace=one.trace) for one in reruns]
    own = Attempt(status=status, message=told.message if told else None, trace=told.trace if told else None)
    return (*others, own) if status == "passed" else (own, *others)
