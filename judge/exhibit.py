"""One trace as a judge model sees it. Pure.

Who took part, their consent, ids, hashes and the sandbox's verdict are not in it; causes are seqs, times are seconds
since the first event. What a client told of its own test runs is called a claim, for that is what it is.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from judge.condense import Condensed, condense
from judge.injection import NEVER_SHOWN, Screened
from pipeline.canonical import dumps

RESULT_LIMIT = 40
"""Per-test results shown of one test run; the totals are always whole."""


@dataclass(frozen=True)
class Exhibit:
    """A screened trace ready to be shown; `events` are whole, before anything is left out."""

    screened: Screened
    events: tuple[Mapping[str, Any], ...]

    @classmethod
    def of(cls, screened: Screened) -> "Exhibit":
        """The exhibit of a trace with at least one event."""
        events = screened.document["events"]
        seq_of, start_us = {event["id"]: event["seq"] for event in events}, events[0]["ts_client_us"]
        return cls(screened, tuple(_shown(event, seq_of, start_us) for event in events))

    @cached_property
    def size(self) -> int:
        """Bytes of its events when nothing is left out."""
        return sum(len(dumps(event)) + 1 for event in self.events)

    def within(self, budget: int) -> tuple[dict[str, Any], Condensed]:
        """What is shown of the trace with at most `budget` bytes of events, and what became of them."""
        condensed, document = condense(self.events, budget), self.screened.document
        task = document["task"]
        return {
            "environment": document.get("environment", {}),
            "events": condensed.events,
            "left_out": {"characters": condensed.characters, "events": condensed.dropped},
            "start_commit": document.get("repo", {}).get("start_commit", "not recorded"),
            "task": {name: task[name] for name in ("title", "description") if task.get(name)},
        }, condensed


def _shown(event: Mapping[str, Any], seq_of: Mapping[str, int], start_us: int) -> dict[str, Any]:
    shown = {name: value for name, value in event.items() if name not in NEVER_SHOWN and name != "results"}
    shown["at_s"] = (event["ts_client_us"] - start_us) // 1_000_000
    if causes := [seq_of[cause] for cause in event.get("caused_by", ()) if cause in seq_of]:
        shown["caused_by"] = causes
    if results := event.get("results"):
        shown["results"] = "\n".join(f"{result['status']} {result['id']}" for result in results[:RESULT_LIMIT])
        if len(results) > RESULT_LIMIT:
            shown["results"] += f"\n[... {len(results) - RESULT_LIMIT} results left out ...]"
    if event["type"] == "test_run":
        shown["reported_by"] = "client"
    return shown
