"""What an export counts while it goes: bounded, so that it can be part of every checkpoint."""

from __future__ import annotations

from collections.abc import Iterable

from pipeline.exports.view import View

Counts = dict[str, dict[str, int]]
NONE = "none yet"


class Tally:
    """Counts by kind and name. Traces count once a unit that holds them, records once a line or document."""

    def __init__(self, counts: Counts) -> None:
        self.counts = {kind: dict(names) for kind, names in counts.items()}

    def add(self, kind: str, name: str, many: int = 1) -> None:
        """Count something."""
        names = self.counts.setdefault(kind, {})
        names[name] = names.get(name, 0) + many

    def written(self, split: str, views: Iterable[View]) -> None:
        """Count the traces of a unit that was written."""
        for view in views:
            self.add("split", split)
            self.add("verdict", f"{split}/{view.verdict or NONE}")
            self.add("project", str(view.trace["project"]))
            self.add("consent", str(view.trace["consent"]))
            for rule, count in view.trace["redactions"].items():
                self.add("redaction", rule, count)
            if judged := view.judgement:
                self.add("rubric", f"{judged['rubric']} {judged['rubric_version']} {judged['rubric_digest']}")
                self.add("judge", f"{judged['judge']} {judged['model']} {judged['judge_digest']}".replace("  ", " "))
            else:
                self.add("rubric", NONE)
                self.add("judge", NONE)
