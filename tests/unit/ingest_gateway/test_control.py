"""Consent is given, or the project's recorded policy stands for it, or nothing is recorded."""

import pytest

from ingest_gateway.control import Control, built_in_policies
from ingest_gateway.problems import CONSENT_REFUSED, CONSENT_REQUIRED, LOG_UNAVAILABLE, Kind, Problem
from pipeline.control import ControlView
from pipeline.policies import Policy, apply_policy, policy_key
from pipeline.redaction.rules import personal_rules
from schemas.codec import encode
from schemas.records import ProjectPolicy, RunPromoted

STRICTEST = Policy("ask", personal_rules())


def value(consent: str, *redact: str) -> bytes:
    return encode(ProjectPolicy(project="alpha", consent=consent, recorded_by="op", recorded_at_us=1, redact=redact))


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
    view = ControlView()
    for consent, rules in (("research", ()), ("ask", ("email", "user-name")), ("training", ("email",))):
        view.apply(policy_key("alpha"), value(consent, *rules))
    view.apply(b"promotion/x", encode(RunPromoted(run_id="r", project="p", promoted_by="o", promoted_at_us=1)))
    view.apply(None, None)
    assert view.policies == {"alpha": Policy("training", frozenset({"email"}))}
    assert view.personal_rules("alpha") == {"email"}
    assert not view.personal_rules("beta")


def test_a_policy_from_before_personal_data_asks_for_none() -> None:
    old = bytes.fromhex("c301b0b68b8c90b7d3b20861636d650661736b1a6f70657261746f724061636d6580f7f5ebbdada006")
    known: dict[str, Policy] = {}
    apply_policy(known, policy_key("acme"), old)
    assert known == {"acme": Policy("ask")}


@pytest.mark.parametrize(
    "unclear",
    [
        b"",
        b"\xc3\x01 damaged",
        encode(RunPromoted(run_id="r", project="alpha", promoted_by="o", promoted_at_us=1)),
    ],
)
def test_a_policy_that_cannot_be_read_asks_and_hides_all_personal_data(unclear: bytes) -> None:
    known = {"alpha": Policy("training")}
    apply_policy(known, policy_key("alpha"), unclear)
    assert known == {"alpha": STRICTEST}
    assert STRICTEST.redact == {"email", "home-path", "user-name"}


def test_a_rule_of_a_later_release_hides_all_personal_data() -> None:
    known: dict[str, Policy] = {}
    apply_policy(known, policy_key("alpha"), value("training", "email", "shoe-size"))
    assert known == {"alpha": Policy("training", personal_rules())}


def test_a_tombstone_removes_a_policy() -> None:
    known = {"alpha": STRICTEST}
    apply_policy(known, policy_key("alpha"), None)
    assert known == {}
