"""Project policies on the `control` topic: the latest record under a project's key is in force."""

from collections.abc import Iterable, MutableMapping
from dataclasses import dataclass
from typing import get_args

from pipeline.redaction.engine import NOTHING
from pipeline.redaction.rules import personal_rules
from schemas.api import PolicyConsent
from schemas.codec import UndecodableRecord, decode
from schemas.records import ProjectPolicy

KIND = "policy/"
POLICY_CONSENTS: tuple[str, ...] = get_args(PolicyConsent)
ASK = "ask"


@dataclass(frozen=True, slots=True)
class Policy:
    """What holds for a project: `consent` where the client does not say, and the ids of its rules of personal data."""

    consent: str
    redact: frozenset[str] = NOTHING


def policy_key(project: str) -> bytes:
    """Key of a project's policy record."""
    return f"{KIND}{project}".encode()


def apply_policy(policies: MutableMapping[str, Policy], key: bytes | None, value: bytes | None) -> None:
    """Fold one record of `control` into project -> policy; other kinds change nothing.

    A tombstone removes the policy. A record that cannot be read is the strictest policy: consent is asked for, and all
    personal data are redacted.
    """
    name = (key or b"").decode(errors="replace")
    if not name.startswith(KIND):
        return
    project = name.removeprefix(KIND)
    if value is None:
        policies.pop(project, None)
    else:
        policies[project] = _policy(value)


def _policy(value: bytes) -> Policy:
    try:
        record = decode(value)
    except UndecodableRecord:
        return Policy(ASK, personal_rules())
    if not isinstance(record, ProjectPolicy):
        return Policy(ASK, personal_rules())
    return Policy(record.consent, _rules(record.redact))


def _rules(asked: Iterable[str]) -> frozenset[str]:
    """All rules where one is not known here: a newer release knows what it hides, and we must not show it."""
    return frozenset(asked) if personal_rules().issuperset(asked) else personal_rules()
