"""Consent is given, or the project's recorded policy stands for it, or nothing is recorded."""

import pytest

from ingest_gateway.control import Control, built_in_policies
from ingest_gateway.problems import CONSENT_REFUSED, CONSENT_REQUIRED, LOG_UNAVAILABLE, Kind, Problem
from pipeline.control import ControlView
from pipeline.policies import apply_policy, policy_key
from schemas.codec import encode
from schemas.records import ProjectPolicy, RunPromoted


def value(consent: str) -> bytes:
    return encode(ProjectPolicy(project="alpha", consent=consent, recorded_by="op", recorded_at_us=1))


def policies(ready: bool = True, **built_in: str) -> Control:
    made = Control(lambda: None, built_in)
    if ready:
        made._view = ControlView()
    return made


def refused(made: Control, given: str | None, project: str, kind: Kind) -> None:
    with pytest.raises(Problem) as problem:
        made.consent(given, project)  # type: ignore[arg-type]
    assert problem.value.kind is kind


def test_given_consent_counts_before_any_policy() -> None:
    assert policies(ready=False).consent("training", "alpha") == ("training", "given")
    refused(policies(alpha="research"), "declined", "alpha", CONSENT_REFUSED)


def test_without_consent_the_policy_decides() -> None:
    assert policies(alpha="research").consent(None, "alpha") == ("research", "policy")
    refused(policies(alpha="ask"), None, "alpha", CONSENT_REQUIRED)
    refused(policies(alpha="research"), None, "beta", CONSENT_REQUIRED)
    refused(policies(ready=False, alpha="research"), None, "alpha", LOG_UNAVAILABLE)


def test_only_development_has_a_policy_built_in() -> None:
    assert built_in_policies("development") == {"default": "research"}
    assert built_in_policies("production") == {}


def test_the_latest_record_of_a_project_is_in_force() -> None:
    known: dict[str, str] = {}
    for consent in ("research", "ask", "training"):
        apply_policy(known, policy_key("alpha"), value(consent))
    assert known == {"alpha": "training"}
    apply_policy(known, b"promotion/x", encode(RunPromoted(run_id="r", project="p", promoted_by="o", promoted_at_us=1)))
    apply_policy(known, None, None)
    assert known == {"alpha": "training"}


@pytest.mark.parametrize("gone", [None, b"", b"\xc3\x01 damaged"])
def test_what_cannot_be_read_allows_nothing(gone: bytes | None) -> None:
    known = {"alpha": "training"}
    apply_policy(known, policy_key("alpha"), gone)
    assert known == {}
