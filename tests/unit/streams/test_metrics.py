"""The measures, each against a value worked out by hand; formulas in docs/metrics.md."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from examples.stories import STORIES
from schemas.events import EVENT_ADAPTER
from schemas.records import EventsAppended
from streams.edits import Lines, changes, paths
from streams.hypotheses import Link, links
from streams.integrity import Placed
from streams.metrics import Metrics, measure
from tests.support.traces import SECOND_US, START_US, chunk, note

BY_HAND: dict[str, Metrics] = {
    "simple": {
        "num_events": 10,
        "events_by_type": {"commit": 1, "cmd_run": 3, "file_edit": 1, "rationale_note": 3, "test_run": 2},
        "num_file_edits": 1,
        "test_runs": 2,
        "commits": 1,
        "rationale_notes": 3,
        "commands_by_exit_code": {"0": 3},
        "duration_us": 65_000_000,
        "active_us": 65_000_000,
        "time_to_first_edit_us": 38_000_000,
        "time_to_first_green_us": 44_500_000,
        "failures_before_first_green": 1,
        "files_touched": 1,
        "files_committed": 1,
        "lines_added": 1,
        "lines_removed": 1,
        "lines_reverted": 0,
        "hypotheses": 1,
        "hypotheses_tested": 1,
        "hypotheses_tested_by_name": 1,
        "hypothesis_to_experiment_us": 5_000_000,
    },
    "complex": {
        "num_events": 24,
        "events_by_type": {"commit": 1, "cmd_run": 6, "file_edit": 4, "rationale_note": 9, "test_run": 4},
        "num_file_edits": 4,
        "test_runs": 4,
        "commits": 1,
        "rationale_notes": 9,
        "commands_by_exit_code": {"0": 6},
        "duration_us": 230_000_000,
        "active_us": 230_000_000,
        "time_to_first_edit_us": 58_000_000,
        "time_to_first_green_us": 201_000_000,
        "failures_before_first_green": 3,
        "files_touched": 3,
        "files_committed": 3,
        "lines_added": 5,
        "lines_removed": 5,
        "lines_reverted": 1,
        "hypotheses": 3,
        "hypotheses_tested": 3,
        "hypotheses_tested_by_name": 3,
        "hypothesis_to_experiment_us": 13_666_666,
    },
    "failed": {
        "num_events": 16,
        "events_by_type": {"commit": 0, "cmd_run": 5, "file_edit": 2, "rationale_note": 6, "test_run": 3},
        "num_file_edits": 2,
        "test_runs": 3,
        "commits": 0,
        "rationale_notes": 6,
        "commands_by_exit_code": {"0": 5},
        "duration_us": 150_000_000,
        "active_us": 150_000_000,
        "time_to_first_edit_us": 56_000_000,
        "failures_before_first_green": 3,
        "files_touched": 2,
        "files_committed": 0,
        "lines_added": 2,
        "lines_removed": 2,
        "lines_reverted": 0,
        "hypotheses": 2,
        "hypotheses_tested": 2,
        "hypotheses_tested_by_name": 2,
        "hypothesis_to_experiment_us": 11_000_000,
    },
}


def placed(events: list[dict[str, Any]], received_at_us: int = START_US) -> Placed:
    """A chunk of these events."""
    record: EventsAppended = chunk(0, events, received_at_us=received_at_us)
    return Placed(1, record, tuple(events), frozenset({record.chunk_digest}))


def of(*events: dict[str, Any]) -> Metrics:
    """The measures of events that are numbered and one second apart unless they say otherwise."""
    return measure([placed([{**note(seq), **event} for seq, event in enumerate(events)])])


def at(seconds: int) -> dict[str, Any]:
    """A note at a time."""
    return {"ts_client_us": START_US + seconds * SECOND_US}


def run(**fields: Any) -> dict[str, Any]:
    """A test run."""
    return {"type": "test_run", **fields}


def edit(path: str, *lines: str) -> dict[str, Any]:
    """An edit whose one hunk has these lines."""
    old, new = sum(line[0] in "- " for line in lines), sum(line[0] in "+ " for line in lines)
    hunk = "\n".join([f"--- a/{path}", f"+++ b/{path}", f"@@ -1,{old} +1,{new} @@", *lines, ""])
    return {"type": "file_edit", "file_path": path, "diff_unified": hunk}


@pytest.mark.parametrize("name", STORIES)
def test_the_example_sessions(name: str) -> None:
    chunks = [
        placed([EVENT_ADAPTER.validate_python(event).stored() for event in events], START_US)
        for events in STORIES[name].session(START_US / 1_000_000).chunks
    ]
    found = measure(chunks)
    said = [event.get("output", "") for placed_chunk in chunks for event in placed_chunk.events if event]
    assert found.pop("output_bytes") == sum(len(text.encode()) for text in said)
    assert found.pop("clock_skew_us") < 0
    assert found == BY_HAND[name]


def test_every_measure_is_in_the_documentation_and_the_examples_have_their_values_there() -> None:
    text = (Path(__file__).parents[3] / "docs" / "metrics.md").read_text()
    for name in BY_HAND["complex"] | {"output_bytes": 0, "clock_skew_us": 0}:
        assert f"| `{name}` |" in text
    for name in BY_HAND["complex"].keys() - {"events_by_type", "commands_by_exit_code"}:
        values = [str(BY_HAND[story].get(name, "absent")) for story in ("simple", "complex", "failed")]
        [row] = re.findall(rf"^\| {name} \| (.+) \|$", text, re.MULTILINE)
        assert [cell.strip().replace(",", "") for cell in row.split("|")] == values


def test_a_trace_without_events_has_counts_only() -> None:
    found = measure([])
    assert found["num_events"] == found["duration_us"] == found["active_us"] == 0
    assert not {"time_to_first_edit_us", "time_to_first_green_us", "clock_skew_us"} & found.keys()


def test_pauses_count_as_five_minutes_of_activity_at_most() -> None:
    found = of(at(0), at(10), at(3610), at(3620))
    assert (found["duration_us"], found["active_us"]) == (3620 * SECOND_US, 320 * SECOND_US)


def test_a_clock_that_jumps_back_makes_no_negative_interval() -> None:
    found = of(at(100), at(40), {**edit("a", "+x"), **at(50)}, at(130))
    assert (found["duration_us"], found["time_to_first_edit_us"]) == (30 * SECOND_US, 0)


def test_clock_skew_is_the_lower_median_over_chunks() -> None:
    lags = [7, -2, 5, 30]
    chunks = [placed([note(seq)], START_US + seq * SECOND_US + lag) for seq, lag in enumerate(lags)]
    assert measure(chunks)["clock_skew_us"] == 5


@pytest.mark.parametrize(
    ("runs", "failures", "green_after_s"),
    [
        ([run(failed=2), run(errors=1), run(passed=3), run(failed=1)], 2, 2),
        ([run(passed=3, failed=1)], 1, None),
        ([run(exit_code=1), run(exit_code=0)], 1, 1),
        ([run(passed=2, exit_code=1)], 1, None),
        ([run()], 0, None),
        ([], 0, None),
    ],
)
def test_red_and_green(runs: list[dict[str, Any]], failures: int, green_after_s: int | None) -> None:
    found = of(*runs)
    assert found["failures_before_first_green"] == failures
    assert found.get("time_to_first_green_us") == (None if green_after_s is None else green_after_s * SECOND_US)


def test_commands_by_exit_code_and_output_in_bytes() -> None:
    found = of(
        {"type": "cmd_run", "exit_code": 0, "output": "é"},
        {"type": "cmd_run", "exit_code": -9, "output": 7},
        {"type": "cmd_run"},
        run(output="ab"),
    )
    assert (found["commands_by_exit_code"], found["output_bytes"]) == ({"0": 1, "-9": 1, "unknown": 1}, 4)


def test_lines_are_counted_inside_hunks_only() -> None:
    diff = "--- a/f\n+++ b/f\n@@ -1,2 +1,3 @@ def f():\n--- old\n+++ new\n same\n+more\n\\ No newline at end\n+x"
    assert list(changes(diff)) == [("-", "-- old"), ("+", "++ new"), ("+", "more")]


@pytest.mark.parametrize(
    ("edits", "reverted"),
    [
        ([("a", "+x"), ("a", "-x")], 1),
        ([("a", "-x"), ("a", "+x")], 1),
        ([("a", "+x"), ("b", "-x")], 0),
        ([("a", "+x", "+x"), ("a", "-x"), ("a", "-x"), ("a", "-x")], 2),
        ([("a", "+x"), ("a", "-x", "+x")], 0),
        ([("a", "+x"), ("a", "-x"), ("a", "+x")], 1),
        ([("a", "+  "), ("a", "-  ")], 0),
    ],
)
def test_reverted_lines(edits: list[tuple[str, ...]], reverted: int) -> None:
    lines = Lines()
    for path, *changed in edits:
        lines.take(path, edit(path, *changed)["diff_unified"])
    assert lines.reverted == reverted


def test_paths_of_a_commit() -> None:
    git = "diff --git a/one.py b/one.py\ndeleted file mode 100644\n--- a/one.py\n+++ /dev/null\n"
    assert list(paths(git)) == ["one.py"]
    assert list(paths("--- a/two.py\n+++ b/two.py\n")) == ["two.py"]


def test_hypotheses_find_their_experiments() -> None:
    guess = {"hypothesis": "it is the parser"}
    filler: dict[str, Any] = {}
    events = [
        {**note(seq), **event}
        for seq, event in enumerate(
            [guess, filler, run(), guess, filler, filler, filler, run(caused_by=["e3"]), guess, run(caused_by=["e0"])]
        )
    ]
    assert links(events) == [Link(0, 9, named=True), Link(3, 7, named=True), Link(8, 9, named=False)]
    assert links(events[3:7]) == []
