"""The measures of a trace, from its events and the arrival of its chunks. Formulas: docs/metrics.md.

Integers only; times in microseconds. A client's clock may jump back: intervals are taken between running maxima of
its times, so none is negative. What does not occur is absent, never zero time.
"""

from collections import Counter
from collections.abc import Sequence
from itertools import accumulate, pairwise
from typing import Any

from streams.edits import Lines, paths
from streams.hypotheses import is_hypothesis, links
from streams.integrity import Event, Placed

IDLE_CAP_US = 5 * 60 * 1_000_000
EVENT_TYPES = ("commit", "cmd_run", "file_edit", "rationale_note", "test_run")
Metrics = dict[str, Any]
"""Name -> integer, or a map of string to integer."""


def measure(chunks: Sequence[Placed]) -> Metrics:
    """All measures of a trace. Chunks in chunk order; events are taken in the order of their `seq`."""
    events = sorted((e for chunk in chunks for e in chunk.events if e is not None), key=lambda e: e["seq"])
    times = list(accumulate((event["ts_client_us"] for event in events), max))
    return {
        **_counts(events),
        **_times(events, times),
        **_clock(chunks),
        **_edits(events),
        **_tests(events, times),
        **_hypotheses(events, times),
    }


def number(event: Event, name: str) -> int:
    """An optional count of an event; 0 where it is absent or no integer."""
    value = event.get(name)
    return value if isinstance(value, int) else 0


def text(event: Event, name: str) -> str:
    """An optional text of an event; empty where it is absent or no text."""
    value = event.get(name)
    return value if isinstance(value, str) else ""


def is_red(run: Event) -> bool:
    """A test run that shows a failure."""
    return number(run, "failed") + number(run, "errors") > 0 or run.get("exit_code") not in (None, 0)


def is_green(run: Event) -> bool:
    """A test run that passed; one that ran nothing and does not give its exit status is neither red nor green."""
    return not is_red(run) and (number(run, "passed") > 0 or run.get("exit_code") == 0)


def _counts(events: Sequence[Event]) -> Metrics:
    types = Counter(event["type"] for event in events)
    exits = Counter(str(event.get("exit_code", "unknown")) for event in events if event["type"] == "cmd_run")
    return {
        "num_events": len(events),
        "events_by_type": {name: types[name] for name in sorted({*EVENT_TYPES, *types})},
        "num_file_edits": types["file_edit"],
        "test_runs": types["test_run"],
        "commits": types["commit"],
        "rationale_notes": types["rationale_note"],
        "commands_by_exit_code": dict(exits),
        "output_bytes": sum(len(text(event, "output").encode(errors="surrogatepass")) for event in events),
    }


def _times(events: Sequence[Event], times: Sequence[int]) -> Metrics:
    gaps = [after - before for before, after in pairwise(times)]
    found: Metrics = {"duration_us": sum(gaps), "active_us": sum(min(gap, IDLE_CAP_US) for gap in gaps)}
    edit = next((at for event, at in zip(events, times, strict=True) if event["type"] == "file_edit"), None)
    if edit is not None:
        found["time_to_first_edit_us"] = edit - times[0]
    return found


def _clock(chunks: Sequence[Placed]) -> Metrics:
    """Lower median over chunks of the server's time less the client's time of the chunk's last event."""
    lags = [
        chunk.record.received_at_us - max(event["ts_client_us"] for event in chunk.events if event is not None)
        for chunk in chunks
        if any(chunk.events)
    ]
    return {"clock_skew_us": sorted(lags)[(len(lags) - 1) // 2]} if lags else {}


def _edits(events: Sequence[Event]) -> Metrics:
    edits = [event for event in events if event["type"] == "file_edit"]
    lines = Lines()
    for edit in edits:
        lines.take(text(edit, "file_path"), text(edit, "diff_unified"))
    commits = (text(event, "diff_unified") for event in events if event["type"] == "commit")
    return {
        "files_touched": len({text(edit, "file_path") for edit in edits}),
        "files_committed": len({path for diff in commits for path in paths(diff)}),
        "lines_added": lines.added,
        "lines_removed": lines.removed,
        "lines_reverted": lines.reverted,
    }


def _tests(events: Sequence[Event], times: Sequence[int]) -> Metrics:
    runs = [(event, at) for event, at in zip(events, times, strict=True) if event["type"] == "test_run"]
    green = next((index for index, (run, _) in enumerate(runs) if is_green(run)), None)
    found: Metrics = {"failures_before_first_green": sum(is_red(run) for run, _ in runs[:green])}
    if green is not None:
        found["time_to_first_green_us"] = runs[green][1] - times[0]
    return found


def _hypotheses(events: Sequence[Event], times: Sequence[int]) -> Metrics:
    found = links(events)
    metrics: Metrics = {
        "hypotheses": sum(map(is_hypothesis, events)),
        "hypotheses_tested": len(found),
        "hypotheses_tested_by_name": sum(link.named for link in found),
    }
    if found:
        gaps = [times[link.experiment] - times[link.hypothesis] for link in found]
        metrics["hypothesis_to_experiment_us"] = sum(gaps) // len(gaps)
    return metrics
