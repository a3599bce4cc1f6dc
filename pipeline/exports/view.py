"""What an exporter is given of one trace, and what it gives: lines of a data set, or documents of their own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

Row = Mapping[str, Any]
Units = Literal["traces", "pairs", "tasks"]
"""What is written as a whole: each trace; of one task a fixed and a not fixed one; or a fixed one and any other."""


class NotExportable(Exception):
    """A format has no place for this trace; the text is a short reason, counted in the card."""


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """The latest revision of one trace. `trace`, `validation`, `judgement` and `tests` are rows of the public views
    v1_traces, v1_validations, v1_judgements (the ones that count; None where there is none yet) and v1_test_results;
    `events` are the events as stored, in chain order."""

    trace: Row
    events: Sequence[dict[str, Any]]
    validation: Row | None = None
    judgement: Row | None = None
    tests: Sequence[Row] = field(default_factory=tuple)

    @property
    def id(self) -> str:
        """The id of the trace."""
        return str(self.trace["trace_id"])

    @property
    def verdict(self) -> str:
        """The verdict that counts; empty where it was not validated yet."""
        return str(self.validation["verdict"]) if self.validation else ""

    def about(self) -> dict[str, Any]:
        """What every line says of the trace that it is from."""
        return {
            "trace_id": self.id,
            "revision": self.trace["revision"],
            "repo": self.trace["repo_origin"],
            "task_id": self.trace["task_id"],
            "verdict": self.verdict,
            "level": str(self.validation["level"]) if self.validation else "",
            "overall": self.judgement["overall"] if self.judgement else None,
        }


ABOUT: dict[str, Any] = {
    "trace_id": "string",
    "revision": "int64",
    "repo": "string",
    "task_id": "string",
    "verdict": "string",
    "level": "string",
    "overall": "float64",
}
"""Types of `View.about`, as `Format.columns` has them."""


@dataclass(frozen=True, slots=True)
class Line:
    """One record of a data set; `part` names the data set where a format has several."""

    part: str
    value: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Document:
    """A file of its own. Its name begins with the id of its trace, so that what is left of a cut export is found."""

    part: str
    name: str
    content: bytes
