"""A session told in one line an event, for people who grade it on a sheet. Pure: stored events in, text out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from clients.timeline import NOTE_PARTS, printable

Event = Mapping[str, Any]
LONGEST_LINE = 300


def lines_of(events: Sequence[Event]) -> list[str]:
    """`#<seq> +<seconds>s <type> <what>` for each event; long ones are cut, and say so."""
    start_us = events[0]["ts_client_us"] if events else 0
    seq_of = {event["id"]: event["seq"] for event in events}
    return [_line(event, start_us, seq_of) for event in events]


def _line(event: Event, start_us: int, seq_of: Mapping[str, int]) -> str:
    kind = str(event["type"])
    seconds = (event["ts_client_us"] - start_us) / 1_000_000
    causes = [f"#{seq_of[cause]}" for cause in event.get("caused_by", ()) if cause in seq_of]
    because = f" (because of {' '.join(causes)})" if causes else ""
    said = " ".join(printable(WORDS[kind](event)).split())
    if len(said) > LONGEST_LINE:
        said = f"{said[:LONGEST_LINE]} [... {len(said) - LONGEST_LINE} characters more]"
    return f"#{event['seq']} {seconds:+.0f}s {kind}{because}: {said}"


def _edit(event: Event) -> str:
    lines = event["diff_unified"].split("\n")
    added = sum(line.startswith("+") and not line.startswith("+++") for line in lines)
    removed = sum(line.startswith("-") and not line.startswith("---") for line in lines)
    return f"{event['file_path']} (+{added} -{removed} lines)"


def _command(event: Event) -> str:
    return f"{event['command']}{_exit(event)}"


def _tests(event: Event) -> str:
    counts = ", ".join(f"{event[name]} {name}" for name in ("passed", "failed", "errors", "skipped") if event.get(name))
    return f"{event.get('command') or event['framework']}: {counts or 'no tests'}{_exit(event)}"


def _exit(event: Event) -> str:
    return "" if event.get("exit_code") is None else f" -> exit {event['exit_code']}"


def _note(event: Event) -> str:
    parts = ((name, event[name]) for name in NOTE_PARTS if event.get(name))
    return "; ".join(words if name == "text" else f"{name}: {words}" for name, words in parts)


WORDS: dict[str, Callable[[Event], str]] = {
    "file_edit": _edit,
    "cmd_run": _command,
    "test_run": _tests,
    "commit": lambda event: str(event["message"]),
    "rationale_note": _note,
}
