"""What of a long trace a judge model is shown, and what is said about the rest."""

from __future__ import annotations

import re
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from judge.condense import REPEATED, condense
from pipeline.canonical import dumps

MARK = re.compile(r"\[\.\.\. (\d+) characters left out(?:: the same as in event \d+)? \.\.\.\]")
TEXTS = st.one_of(st.text(max_size=3_000), st.sampled_from(["same " * 60, "ab" * 5_000]))
EVENTS = st.lists(
    st.one_of(
        st.fixed_dictionaries({"type": st.just("rationale_note"), "text": TEXTS}),
        st.fixed_dictionaries(
            {"type": st.just("cmd_run"), "command": TEXTS, "output": TEXTS, "exit_code": st.integers(0, 1)}
        ),
        st.fixed_dictionaries({"type": st.just("test_run"), "output": TEXTS, "failed": st.integers(0, 1)}),
        st.fixed_dictionaries({"type": st.just("file_edit"), "diff_unified": TEXTS}),
    ),
    min_size=2,
    max_size=30,
).map(lambda steps: [{"seq": seq, **step} for seq, step in enumerate(steps)])  # fmt: skip
TEXT_FIELDS = ("text", "command", "output", "diff_unified")


def size(events: Any) -> int:
    return sum(len(dumps(event)) + 1 for event in events)


def characters(events: Any) -> int:
    """Characters of the events' own texts, without what the marks say."""
    return sum(len(MARK.sub("", event.get(name, ""))) for event in events for name in TEXT_FIELDS)


@given(EVENTS, st.integers(3_000, 60_000))
def test_the_budget_is_kept_and_order_and_both_ends_too(events: list[dict[str, Any]], budget: int) -> None:
    condensed = condense(events, budget)
    assert size(condensed.events) <= budget
    seqs = [event["seq"] for event in condensed.events]
    assert seqs == sorted(set(seqs))
    assert (seqs[0], seqs[-1]) == (0, len(events) - 1)


@given(EVENTS, st.integers(3_000, 60_000))
def test_the_same_trace_is_always_condensed_in_the_same_way(events: list[dict[str, Any]], budget: int) -> None:
    assert condense(events, budget) == condense([dict(event) for event in events], budget)


@given(EVENTS, st.integers(3_000, 60_000))
def test_what_is_left_out_is_counted(events: list[dict[str, Any]], budget: int) -> None:
    condensed = condense(events, budget)
    assert condensed.dropped == len(events) - len(condensed.events)
    assert condensed.characters == characters(events) - characters(condensed.events)
    marked = sum(
        int(gone) for event in condensed.events for name in TEXT_FIELDS for gone in MARK.findall(event.get(name, ""))
    )
    dropped = {event["seq"] for event in events} - {event["seq"] for event in condensed.events}
    assert condensed.characters == marked + characters(events[seq] for seq in dropped)


@given(EVENTS)
def test_nothing_is_left_out_where_everything_fits(events: list[dict[str, Any]]) -> None:
    condensed = condense(events, size(events))
    assert (list(condensed.events), condensed.characters, condensed.dropped) == (events, 0, 0)


def cmd(seq: int, output: str = "", exit_code: int = 0) -> dict[str, Any]:
    return {"seq": seq, "type": "cmd_run", "command": f"cat {seq}.py", "exit_code": exit_code, "output": output}


def test_repeated_output_goes_first() -> None:
    events = [cmd(0, "x" * 5_000), cmd(1, "y" * 5_000), cmd(2, "x" * 5_000), cmd(3)]
    shown = condense(events, 11_000).events
    assert shown[2]["output"] == "[... 5000 characters left out: the same as in event 0 ...]"
    assert [event["output"] for event in shown[:2]] == ["x" * 5_000, "y" * 5_000]
    short = "x" * (REPEATED - 1)
    assert condense([cmd(0, short), cmd(1, short), cmd(2, "z" * 40_000)], 25_000).events[1]["output"] == short


def test_output_loses_its_middle_before_diffs_and_diffs_before_notes() -> None:
    note = {"seq": 0, "type": "rationale_note", "text": "n" * 5_000}
    edit = {"seq": 1, "type": "file_edit", "file_path": "a.py", "diff_unified": "d" * 10_000}
    events = [note, edit, cmd(2, "o" * 40_000)]
    shown = condense(events, 20_000).events
    assert (shown[0], shown[1], len(shown[2]["output"]) < 5_000) == (note, edit, True)
    shown = condense(events, 10_000).events
    assert (shown[0], len(shown[1]["diff_unified"]) < 5_000) == (note, True)


def test_notes_edits_commits_and_failing_tests_outlast_commands() -> None:
    kept = [
        {"seq": 0, "type": "rationale_note", "text": "It rounds down."},
        {"seq": 1, "type": "test_run", "framework": "pytest", "failed": 1},
        {"seq": 2, "type": "file_edit", "file_path": "a.py", "diff_unified": "+x"},
        {"seq": 3, "type": "commit", "message": "Round up"},
    ]
    passing = [{"seq": seq, "type": "test_run", "framework": "pytest", "failed": 0} for seq in range(4, 54)]
    commands = [cmd(seq, "o" * 500) for seq in range(54, 104)]
    failing = [cmd(seq, "o" * 500, exit_code=1) for seq in range(104, 108)]
    last = {"seq": 108, "type": "rationale_note", "text": "Done."}
    seqs = [event["seq"] for event in condense([*kept, *passing, *commands, *failing, last], 2_000).events]
    assert seqs[:4] == [0, 1, 2, 3]
    assert {104, 105, 106, 107, 108} <= set(seqs)
    assert len(seqs) < len(kept) + len(failing) + 20
    fewer = [event["seq"] for event in condense([*kept, *passing, *commands, *failing, last], 320).events]
    assert fewer == [0, 1, 2, 3, 108]


def test_events_go_from_the_middle_outward() -> None:
    seqs = [event["seq"] for event in condense([cmd(seq) for seq in range(20)], 900).events]
    gone = sorted(set(range(20)) - set(seqs))
    assert gone == list(range(gone[0], gone[-1] + 1))
    assert abs((gone[0] + gone[-1]) - 19) <= 1
