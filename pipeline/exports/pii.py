"""What is still there of personal data and of secrets in what was written: counted by rule, never shown."""

from __future__ import annotations

from collections import Counter

from pipeline.redaction.engine import find
from pipeline.redaction.rules import candidates, personal_rules


class Remains:
    """Counts what the rules of redaction, those of personal data too, find in exported bytes."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()

    def look(self, content: bytes) -> None:
        """Count what is in there."""
        self.counts.update(found.rule.id for found in find(content, candidates(content, personal_rules())))
