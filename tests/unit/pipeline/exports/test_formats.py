"""Every format: what it says of a session, in the shape its readers expect."""

from __future__ import annotations

import gzip
import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from clients.importers import sessions
from clients.importers.content import Content
from pipeline.exports.formats import FORMATS
from pipeline.exports.patches import patch_of
from pipeline.exports.reading import paired
from pipeline.exports.view import Document, Line, NotExportable, View
from schemas.events import EVENT_ADAPTER, stored_form
from tests.support.data import REAL_SESSIONS
from tests.support.exports import EVENTS, patch, view

PROMPT = {
    "role": "user",
    "content": "add() subtracts\n\nadd(2, 3) returns -1.\n\nRepository: https://git.example.org/acme/calc-1.git"
    " at 4f2d8c1e9b7a6053d1c2e3f4a5b6c7d8e9f0a1b2",
}

AGAIN = "--- a/a.py\n+++ b/a.py\n@@ -2 +2 @@\n-    return a\n+    return a + b\n"
BACK = "--- a/a.py\n+++ b/a.py\n@@ -2 +2 @@\n-    return a + b\n+    return a - b\n"


def values(name: str, *views: View) -> list[dict[str, Any]]:
    return [record.value for record in FORMATS[name].export(*views) if isinstance(record, Line)]


def documents(name: str, *views: View) -> dict[str, Any]:
    return {
        f"{record.part}/{record.name}": json.loads(record.content)
        for record in FORMATS[name].export(*views)
        if isinstance(record, Document)
    }


def edits(*diffs: tuple[str, str]) -> list[dict[str, Any]]:
    return [{"type": "file_edit", "file_path": path, "diff_unified": diff} for path, diff in diffs]


def test_a_conversation_alternates_from_the_task_to_the_last_act() -> None:
    [told] = values("chat", view())
    assert [message["role"] for message in told["messages"]] == ["user", "assistant"] * 3
    assert told["messages"][:3] == [
        PROMPT,
        {"role": "assistant", "content": "```bash\npytest -q\n```"},
        {"role": "user", "content": "1 failed\nexit status 1"},
    ]
    thought = "the sign is wrong\n\nturn it\n\n```diff\n" + patch() + "```\n\n```bash\npython -c 'import calc'\n```"
    assert told["messages"][3:] == [
        {"role": "assistant", "content": thought},
        {"role": "user", "content": "````\nok ``` jane.doe@mail.example.org\n````\nexit status 0"},
        {"role": "assistant", "content": "Commit: add() adds"},
    ]
    assert (told["verdict"], told["overall"]) == ("fixed", 4.5)


def test_what_users_said_is_theirs_and_a_last_output_has_no_answer() -> None:
    said = {"type": "rationale_note", "observation": "[user message]\nstill wrong"}
    [told] = values("chat", view(events=[EVENTS[1], said, EVENTS[3]]))
    assert [message["role"] for message in told["messages"]] == ["user", "assistant", "user", "assistant"]
    assert told["messages"][2]["content"] == "still wrong"


def test_a_session_in_which_nothing_was_done_is_left_out() -> None:
    with pytest.raises(NotExportable, match="nothing was done"):
        values("chat", view(events=[]))


def test_the_patch_is_the_answer_to_the_task() -> None:
    [told] = values("prompt-completion", view())
    assert told["prompt"] == [PROMPT]
    assert told["completion"] == [{"role": "assistant", "content": f"```diff\n{patch()}```"}]


def test_a_fix_is_preferred_to_what_is_none() -> None:
    wrong = [{"type": "commit", "message": "try", "diff_unified": patch(new="return a")}]
    [told] = values("preference", view(1), view(2, events=wrong, verdict="not_fixed"))
    assert (told["prompt"], told["chosen_trace_id"], told["rejected_trace_id"]) == ([PROMPT], view(1).id, view(2).id)
    assert "return a + b" in told["chosen"][0]["content"]
    assert "return a\n" in told["rejected"][0]["content"]


@pytest.mark.parametrize(("verdict", "reason"), [("fixed", "verdict"), ("", "verdict"), ("not_fixed", "the same")])
def test_a_pair_that_teaches_nothing_is_left_out(verdict: str, reason: str) -> None:
    with pytest.raises(NotExportable, match=reason):
        values("preference", view(1), view(2, verdict=verdict))


def test_pairs_have_every_trace_and_no_more_than_that_takes() -> None:
    assert list(paired(["a"], ["x", "y", "z"])) == [("a", "x"), ("a", "y"), ("a", "z")]
    assert list(paired(["a", "b", "c"], ["x", "y"])) == [("a", "x"), ("b", "y"), ("c", "x")]
    assert list(paired([], ["x"])) == []


@pytest.mark.parametrize(
    ("events", "wanted"),
    [
        (edits(("a.py", patch("a.py")), ("b.py", patch("b.py"))), patch("a.py") + patch("b.py")),
        (edits(("a.py", patch("a.py", "return a")), ("a.py", AGAIN)), patch("a.py")),
        ([*edits(("a.py", "x"), ("a.py", "y")), {"type": "commit", "diff_unified": "whole"}], "whole\n"),
    ],
)
def test_a_session_has_one_patch(events: list[dict[str, Any]], wanted: str) -> None:
    assert patch_of(numbered(events)) == wanted


@pytest.mark.parametrize(
    ("events", "reason"),
    [
        (edits(("a.py", patch("a.py")), ("a.py", patch("a.py"))), "do not fit"),
        ([{"type": "commit"}], "nothing was changed"),
        (edits(("a.py", patch("a.py")), ("a.py", BACK)), "nothing was changed"),
        (edits(("a.py", patch(new="k = '[REDACTED:assignment:0123abcd]'"))), "redacted"),
    ],
)
def test_a_session_without_one_patch_says_why(events: list[dict[str, Any]], reason: str) -> None:
    with pytest.raises(NotExportable, match=reason):
        patch_of(numbered(events))


def numbered(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{"seq": seq, **event} for seq, event in enumerate(events)]


def test_a_trajectory_comes_back_as_the_same_trace() -> None:
    one = view()
    [imported] = back(one)
    assert list(imported.session.events) == [*one.events]
    said = imported.session.trace.model_dump()
    assert {name: said[name] for name in said if name in one.trace} == {
        name: one.trace[name] for name in said if name in one.trace
    }
    assert (imported.loss.fields, imported.loss.dropped) == ({}, {})


@pytest.mark.parametrize("file", REAL_SESSIONS, ids=lambda file: file.name.split(".")[0])
def test_a_real_session_goes_out_and_comes_back(file: Any) -> None:
    [imported] = sessions("mini-swe-agent", Content(gzip.decompress(file.read_bytes())))
    events = [
        stored_form(EVENT_ADAPTER.validate_python(one).model_dump(exclude_none=True)) for one in imported.session.events
    ]
    one = View(trace=view().trace, events=events)
    [again] = back(one)
    assert list(again.session.events) == events
    [told] = values("chat", one)
    assert {a["role"] != b["role"] for a, b in zip(told["messages"], told["messages"][1:], strict=False)} == {True}
    assert "diff --git" in values("prompt-completion", one)[0]["completion"][0]["content"]


def back(one: View) -> Any:
    [(name, document)] = documents("atif", one).items()
    assert name == f"trajectories/{one.id}.json"
    return sessions("atif", Content(json.dumps(document).encode()))


@pytest.mark.parametrize("name", [name for name, form in FORMATS.items() if form.columns])
def test_every_line_has_its_columns_and_names_its_traces(name: str) -> None:
    form = FORMATS[name]
    tests = [{"test_id": "t", "category": "fail_to_pass", "suite": "original"}]
    views = [
        replace(view(1, created_at=datetime.now(UTC)), tests=tests),
        view(2, events=edits(("a.py", patch("a.py"))), verdict="not_fixed"),
    ][: 1 if form.units == "traces" else 2]
    for record in form.export(*views):
        if isinstance(record, Line):
            assert list(record.value) == list(form.columns[record.part])
            assert all(one.id in json.dumps(record.value) for one in views)
