"""What a verification says: findings, each typed, and in words what is proven and what is not."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pipeline.notes import VerifierKey

# A revision is logged within moments; one that was closed longer than this before a checkpoint and is not under it came
# into the log by another way. As long as the "maximum merge delay" of Certificate Transparency logs.
MERGE_DELAY_S = 24 * 3600


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not as it should be."""

    kind: str
    detail: str


@dataclass(frozen=True, slots=True)
class Trust:
    """What the verifier has and believes: keys, and where at hand an earlier checkpoint, and receipts."""

    keys: tuple[VerifierKey, ...]
    earlier: str | None = None
    receipts: tuple[Any, ...] = ()
    receipt_keys: Mapping[str, bytes] = field(default_factory=dict)
    merge_delay_s: int = MERGE_DELAY_S


@dataclass(frozen=True, slots=True)
class Report:
    """The outcome. It holds where nothing was found."""

    trace_id: str
    findings: tuple[Finding, ...]
    proven: tuple[str, ...]
    unproven: tuple[str, ...]

    @property
    def holds(self) -> bool:
        """Whether nothing speaks against the bundle."""
        return not self.findings

    def lines(self) -> Iterable[tuple[str, str]]:
        """(label, text), to be shown one below the other."""
        yield from (("ALTERED", f"{finding.kind}: {finding.detail}") for finding in self.findings)
        yield from (("proven", text) for text in self.proven)
        yield from (("not proven", text) for text in self.unproven)
