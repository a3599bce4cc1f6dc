"""The audit trail: one place makes its entries and appends them, for the gateway and for the commands.

A privileged change is written after its entry, never before: a change without an entry cannot happen; an entry whose
change then failed can, and the command says so.
"""

from collections.abc import Mapping
from typing import Protocol

from pipeline.access import EVERY_PROJECT
from schemas.codec import encode
from schemas.records import AuditEntry, Record
from schemas.topics import AUDIT_LOG, CONTROL


class Sender(Protocol):
    """A started producer that waits for all in-sync replicas."""

    async def send_and_wait(self, topic: str, value: bytes | None, key: bytes) -> object:
        """Returns once the log has it."""


def audit_entry(
    actor: str, action: str, subject: str, at_us: int, project: str = EVERY_PROJECT, detail: Mapping[str, str] = {}
) -> AuditEntry:
    """Who did what to what; `project` is `*` where it concerns no single one. `detail` never holds a secret."""
    return AuditEntry(project=project, actor=actor, action=action, subject=subject, detail=dict(detail), at_us=at_us)


async def append(sender: Sender, entry: AuditEntry) -> None:
    """Append the entry. Raises KafkaError."""
    await sender.send_and_wait(AUDIT_LOG.name, encode(entry), key=entry.project.encode())


async def change_control(sender: Sender, key: bytes, value: Record | None, entry: AuditEntry) -> None:
    """Append the entry, then the record (None: a tombstone) under its key of `control`. Raises KafkaError."""
    await append(sender, entry)
    await sender.send_and_wait(CONTROL.name, None if value is None else encode(value), key=key)
