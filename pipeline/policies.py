"""Project policies on the `control` topic: the latest record under a project's key is in force."""

from collections.abc import MutableMapping
from typing import get_args

from schemas.api import PolicyConsent
from schemas.codec import UndecodableRecord, decode
from schemas.records import ProjectPolicy

KIND = "policy/"
POLICY_CONSENTS: tuple[str, ...] = get_args(PolicyConsent)


def policy_key(project: str) -> bytes:
    """Key of a project's policy record."""
    return f"{KIND}{project}".encode()


def apply_policy(policies: MutableMapping[str, str], key: bytes | None, value: bytes | None) -> None:
    """Fold one record of `control` into project -> consent; other kinds change nothing.

    A tombstone removes the policy. So does a record that cannot be read: without a policy, consent is asked for.
    """
    name = (key or b"").decode(errors="replace")
    if not name.startswith(KIND):
        return
    project = name.removeprefix(KIND)
    try:
        record = decode(value)
    except UndecodableRecord:
        policies.pop(project, None)
        return
    if isinstance(record, ProjectPolicy):
        policies[project] = record.consent
