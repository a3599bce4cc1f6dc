"""Project policies on the `control` topic: the latest record under a project's key is in force."""

from typing import get_args

from schemas.api import PolicyConsent

POLICY_CONSENTS: tuple[str, ...] = get_args(PolicyConsent)


def policy_key(project: str) -> bytes:
    """Key of a project's policy record."""
    return f"policy/{project}".encode()
