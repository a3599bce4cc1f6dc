"""Sheets go out blank and come back graded; every wrong line is told with its number, and nothing hostile gets out."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.label_facts import lines_of
from pipeline.label_sheets import Fault, Session, labels_in, read_csv, read_jsonl, to_csv, to_jsonl
from pipeline.labels import Answer, Label
from tests.support.judging import check, cmd, commit, document, edit, note
from tests.support.labels import ONE, RUBRIC, TWO

SESSIONS = [
    Session(ONE, 1, "=HYPERLINK(1)", {"outcome": "completed"}, ["#0 +0s cmd_run: ls", "#1 +1s cmd_run: 'a,b'\n"]),
    Session(TWO, 3, "Plain", {}, []),
]
HEAD = "trace_id,revision,criterion,grade,note,cited_seqs\n"


def _rows(text: str) -> list[dict[str, Any]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_a_csv_sheet_has_a_row_for_each_criterion_and_the_session_once() -> None:
    rows = _rows("".join(to_csv(SESSIONS, RUBRIC)))
    assert [(row["trace_id"], row["revision"], row["criterion"], row["grade"]) for row in rows] == [
        (ONE, "1", "care", ""),
        (ONE, "1", "speed", ""),
        (TWO, "3", "care", ""),
        (TWO, "3", "speed", ""),
    ]
    assert rows[0]["anchor_3"] == "care at 3"
    assert rows[0]["session"] == "outcome: completed\n\n#0 +0s cmd_run: ls\n#1 +1s cmd_run: 'a,b'\n"
    assert rows[1]["session"] == ""


def test_a_spreadsheet_sees_no_formula() -> None:
    assert _rows("".join(to_csv(SESSIONS, RUBRIC)))[0]["task"] == "'=HYPERLINK(1)"


def test_blank_sheets_hold_no_answer() -> None:
    assert read_csv("".join(to_csv(SESSIONS, RUBRIC)), RUBRIC) == ([], [])
    assert read_jsonl("".join(to_jsonl(SESSIONS, RUBRIC)), RUBRIC) == ([], [])


def test_a_filled_csv_sheet_is_read_by_line() -> None:
    text = f'{HEAD}{ONE},1,care,4,"two\nlines",0-2\n{ONE},1,speed,skip,,\n{TWO},,care,0,,\n{TWO},,speed,,,\n'
    lines, faults = read_csv(text, RUBRIC)
    assert faults == []
    assert [line.number for line in lines] == [2, 4, 5]
    assert labels_in(lines) == (
        [
            Label(ONE, 1, (Answer("care", 4, "two\nlines", (0, 1, 2)), Answer("speed", None))),
            Label(TWO, None, (Answer("care", 0),)),
        ],
        [],
    )


def test_json_lines_may_have_lists_objects_or_single_answers() -> None:
    lines = [
        {"trace_id": ONE, "revision": 1, "grades": [{"criterion": "care", "grade": 4, "cited_seqs": [1]}]},
        {"trace_id": TWO, "grades": {"care": 2, "speed": {"grade": "skip", "note": "too short"}}},
        {"trace_id": ONE, "revision": 1, "criterion": "speed", "grade": 1},
    ]
    read, faults = read_jsonl("\n".join(map(json.dumps, lines)), RUBRIC)
    assert faults == []
    labels, faults = labels_in(read)
    assert faults == []
    assert labels == [
        Label(ONE, 1, (Answer("care", 4, "", (1,)), Answer("speed", 1))),
        Label(TWO, None, (Answer("care", 2), Answer("speed", None, "too short"))),
    ]


def test_both_forms_come_back_alike() -> None:
    sheet = [json.loads(line) for line in to_jsonl(SESSIONS, RUBRIC)]
    for one in sheet:
        for answer in one["grades"]:
            answer |= {"grade": 3, "note": "n", "cited_seqs": [0]}
    rows = _rows("".join(to_csv(SESSIONS, RUBRIC)))
    filled = io.StringIO(newline="")
    writer = csv.DictWriter(filled, rows[0].keys())
    writer.writeheader()
    writer.writerows({**row, "grade": "3", "note": "n", "cited_seqs": "0"} for row in rows)
    by_json, _ = read_jsonl("\n".join(map(json.dumps, sheet)), RUBRIC)
    by_csv, _ = read_csv(filled.getvalue(), RUBRIC)
    assert labels_in(by_json) == labels_in(by_csv)


@pytest.mark.parametrize(
    ("row", "what"),
    [
        (f"{ONE},1,care,7,,", "a grade is 0 to 5 or skip, not '7'"),
        (f"{ONE},1,elegance,3,,", "no criterion 'elegance'"),
        ("trace-1,1,care,3,,", "'trace-1' is no trace id"),
        (f"{ONE},one,care,3,,", "'one' is no revision"),
        (f"{ONE},1,care,3,,x", "events are given by their numbers"),
        (f"{ONE},1,care,,why,", "care has a note and no grade"),
    ],
)
def test_a_wrong_row_is_told_with_its_line(row: str, what: str) -> None:
    _, faults = read_csv(f"{HEAD}{TWO},1,care,3,,\n{row}\n", RUBRIC)
    assert [(fault.line, what in fault.what) for fault in faults] == [(3, True)]


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("{", "not JSON"),
        ("[]", "expected a JSON object"),
        ('{"grades": 3}', "grades is a list"),
        ('{"grades": [3]}', "grades is a list"),
        (json.dumps({"trace_id": ONE, "grades": {"care": 9}}), "not 9"),
    ],
)
def test_a_wrong_json_line_is_told_with_its_line(line: str, what: str) -> None:
    _, faults = read_jsonl(f"\n{line}\n", RUBRIC)
    assert [(fault.line, what in fault.what) for fault in faults] == [(2, True)]


def test_a_sheet_that_is_none_is_told() -> None:
    assert read_csv("a,b\n1,2\n", RUBRIC)[1] == [Fault(1, "the heading lacks trace_id, criterion, grade")]
    assert read_csv("", RUBRIC)[1] == [Fault(1, "the heading lacks trace_id, criterion, grade")]


def test_lines_that_contradict_one_another_are_told() -> None:
    text = f"{HEAD}{ONE},1,care,4,,\n{ONE},1,care,5,,\n{ONE},2,speed,5,,\n"
    _, faults = labels_in(read_csv(text, RUBRIC)[0])
    assert faults == [
        Fault(3, "care of this trace is graded in line 2"),
        Fault(4, "line 2 is about another revision of this trace"),
    ]


@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    for read in (read_csv, read_jsonl):
        lines, _ = read(text, RUBRIC)
        assert lines == []


def test_a_session_is_told_in_a_line_an_event() -> None:
    steps = note(hypothesis="`count` rounds down"), cmd("ls \x1b[31m", caused_by=["e0"]), check(), edit(), commit()
    assert lines_of(document(*steps)["events"]) == [
        "#0 +0s rationale_note: hypothesis: `count` rounds down",
        "#1 +1s cmd_run (because of #0): ls ␛[31m -> exit 0",
        "#2 +2s test_run: pytest -q: 9 passed, 1 failed -> exit 1",
        "#3 +3s file_edit: src/pager.py (+1 -1 lines)",
        "#4 +4s commit: Count the last page too",
    ]
    (long,) = lines_of(document(note("x" * 400))["events"])
    assert long.endswith("[... 100 characters more]")
    assert lines_of([]) == []
