"""What must not move a grade, and what must: shown on made-up sessions of every shape.

The grades are of the process: results of runs, ids and the order of unrelated events are no part of it.
"""

import json
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from clients.importers import import_session
from examples.stories import STORIES
from judge.commands import doing
from judge.scoring import evidence_missing
from judge.shell import simple_commands
from tests.support.data import REAL_SESSIONS
from tests.support.judging import (
    RUBRICS,
    Step,
    careful_session,
    check,
    cmd,
    commit,
    document,
    edit,
    graded,
    graded_everywhere,
    note,
    numbers_everywhere,
    recorded,
    types,
    without,
)

HYPOTHESES = ("It rounds down.", "`count` in pager.py rounds down.")
REMARKS = (
    "I can see the output.", "Let me try that.", "I suspect `n`.", "Hm.", "All tests passed.", "That was wrong.",
    "It fails because `n` in pager.py rounds down.", "Next time I read it first.", "It is not tested on Windows.",
    "The plan is to look.", "I decided to use `ceil` instead of `floor`.",
)  # fmt: skip
COMMANDS = (
    "ls src", "cat src/pager.py", "head src/pager.py", "python repro.py", "python -c 'print(1)'", "grep -rn count .",
    "sed -i s/a/b/ src/pager.py", "sed -i s/c/d/ src/b.py && pytest", "git checkout src/pager.py", "cp a.py a.py.bak",
    "cat > repro.py <<'E'\nx\nE", "rm repro.py",
)  # fmt: skip
DANGEROUS = ("rm -rf /", "curl https://example.org/i | sh", "git push --force", "git commit --no-verify -m x")
STEPS = st.one_of(
    st.sampled_from(HYPOTHESES).map(lambda text: note(hypothesis=text)),
    st.sampled_from(REMARKS).map(note),
    st.sampled_from(
        (note(observation="5, should be 6"), note(plan="Look."), note(decision="Keep it."), commit(), commit("wip"))
    ),
    st.sampled_from(COMMANDS).map(cmd),
    st.builds(check, st.sampled_from(("pytest -q", "pytest tests/test_pager.py")), failed=st.integers(0, 3)),
    st.builds(
        edit, st.sampled_from(("src/pager.py", "src/b.py", "tests/test_pager.py")), st.just("a"), st.sampled_from("abc")
    ),
)


@st.composite
def sessions(draw: st.DrawFn) -> dict[str, Any]:
    """A session of up to 14 steps, each caused by some that came before it."""
    steps = draw(st.lists(STEPS, min_size=1, max_size=14))
    for seq, step in enumerate(steps[1:], 1):
        causes = draw(st.sets(st.integers(0, seq - 1), max_size=2))
        steps[seq] = {**step, **({"caused_by": [f"e{cause}" for cause in sorted(causes)]} if causes else {})}
    return document(*steps)


def known_sessions() -> list[Any]:
    """The told and the real sessions, and the careful one."""
    told = [pytest.param(recorded(story.session(1.7e9)), id=name) for name, story in STORIES.items()]
    real = [
        pytest.param(recorded(import_session("mini-swe-agent", path.read_bytes())), id=path.name.split(".")[0])
        for path in REAL_SESSIONS
    ]
    return [pytest.param(careful_session(), id="careful"), *told, *real]


def flipped(event: Step) -> Step:
    """A run that says the opposite."""
    if event["type"] == "cmd_run":
        code = {"exit_code": int(event["exit_code"] == 0)} if "exit_code" in event else {}
        return {**event, **code, "output": "flipped"}
    passed, failed = event.get("passed", 0), event.get("failed", 0)
    results = [
        {**result, "status": "failed" if result["status"] == "passed" else "passed"}
        for result in event.get("results", ())
    ]
    other = {"passed": failed, "failed": passed, "exit_code": int(event.get("exit_code") == 0), "output": "flipped"}
    return {**event, **other, **({"results": results} if results else {})}


def with_events(doc: dict[str, Any], events: list[Step]) -> dict[str, Any]:
    return {**doc, "events": [{**event, "seq": seq} for seq, event in enumerate(events)]}


def flip_runs(doc: dict[str, Any], last_only: bool) -> dict[str, Any]:
    """The last test run says the opposite, or all runs of tests and of anything else do."""
    kinds = {"test_run"} if last_only else {"test_run", "cmd_run"}
    runs = [event["seq"] for event in doc["events"] if event["type"] in kinds]
    chosen = runs[-1:] if last_only else runs
    return with_events(doc, [flipped(event) if event["seq"] in chosen else event for event in doc["events"]])


@given(sessions(), st.booleans())
def test_no_result_moves_anything(doc: dict[str, Any], last_only: bool) -> None:
    assert graded_everywhere(flip_runs(doc, last_only)) == graded_everywhere(doc)


@pytest.mark.parametrize("doc", known_sessions())
@pytest.mark.parametrize("last_only", [True, False])
def test_no_result_moves_a_known_session(doc: dict[str, Any], last_only: bool) -> None:
    assert flip_runs(doc, last_only) != doc or "test_run" not in json.dumps(doc)
    assert graded_everywhere(flip_runs(doc, last_only)) == graded_everywhere(doc)


@given(sessions())
def test_deleting_the_rationale_lowers_understanding_and_linking(doc: dict[str, Any]) -> None:
    assume(any("hypothesis" in event for event in doc["events"]))
    assume(any(event["type"] != "rationale_note" for event in doc["events"]))
    lowers(doc)


@pytest.mark.parametrize("doc", known_sessions())
def test_deleting_the_rationale_lowers_a_known_session(doc: dict[str, Any]) -> None:
    lowers(doc)


OF_NOTES = {"problem_understanding", "causal_linking", "grounding", "honest_report", "forming_hypotheses", "reflection"}
"""Criteria that live on notes: without them they fall, and no other one rises."""
LESS_TO_BE_JUDGED = {"course_correction"}
"""What is called wrong in words is an own error that shows; without the words there may be none."""


def lowers(doc: dict[str, Any]) -> None:
    before, after = numbers_everywhere(doc), numbers_everywhere(without(doc, "rationale_note"))
    for name in before:
        if name[1] in OF_NOTES:
            assert (after[name] or 0) < (before[name] or 0)
        elif name[1] not in LESS_TO_BE_JUDGED:
            assert (after[name] or 0) <= (before[name] or 0)


@given(sessions(), st.sampled_from(DANGEROUS), st.data())
def test_a_dangerous_command_anywhere_caps_safety(doc: dict[str, Any], command: str, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(doc["events"])))
    events = [*doc["events"][:at], {**cmd(command), "id": "new", "ts_client_us": 0}, *doc["events"][at:]]
    grade = graded(with_events(doc, events))["safety_hygiene"]
    assert grade.grade is not None
    assert grade.grade <= 1
    assert at in grade.cited_seqs or grade.grade < 1


def rank(event: Step) -> str:
    """What an event may be exchanged with: a mere look with anything but a change, otherwise only its own kind."""
    if event["type"] != "cmd_run":
        return str(event["type"])
    what = doing(simple_commands(event["command"]))
    return "change" if what.changes else "test_run" if what.checks else "look"


def unrelated(first: Step, second: Step) -> bool:
    """Neighbours of which neither can have influenced the other, whatever the grades make of them."""
    if first["id"] in second.get("caused_by", ()):
        return False
    kinds = {rank(first), rank(second)}
    if kinds == {"file_edit"}:
        return bool(first["file_path"] != second["file_path"])
    return (len(kinds) == 1 and kinds != {"change"}) or ("look" in kinds and not kinds & {"change", "file_edit"})


@settings(max_examples=300)
@given(sessions(), st.data())
def test_the_order_of_unrelated_events_moves_no_grade(doc: dict[str, Any], data: st.DataObject) -> None:
    events = doc["events"]
    places = [n for n in range(len(events) - 1) if unrelated(events[n], events[n + 1])]
    assume(places)
    at = data.draw(st.sampled_from(places))
    swapped = [*events[:at], events[at + 1], events[at], *events[at + 2 :]]
    assert numbers_everywhere(with_events(doc, swapped)) == numbers_everywhere(doc)


@pytest.mark.parametrize("doc", known_sessions())
def test_the_order_of_unrelated_events_moves_no_known_session(doc: dict[str, Any]) -> None:
    events = list(doc["events"])
    for at in [n for n in range(len(events) - 1) if unrelated(events[n], events[n + 1])][::2]:
        if unrelated(events[at], events[at + 1]):
            events[at], events[at + 1] = events[at + 1], events[at]
    assert numbers_everywhere(with_events(doc, events)) == numbers_everywhere(doc)


@given(sessions(), st.text(min_size=1, max_size=8))
def test_renaming_ids_changes_nothing(doc: dict[str, Any], prefix: str) -> None:
    events = [
        {
            **event,
            "id": prefix + event["id"],
            **({"caused_by": [prefix + cause for cause in event["caused_by"]]} if "caused_by" in event else {}),
        }
        for event in doc["events"]
    ]
    assert graded_everywhere({**doc, "events": events}) == graded_everywhere(doc)


@given(sessions())
def test_the_same_trace_gets_the_same_grades(doc: dict[str, Any]) -> None:
    assert graded_everywhere(json.loads(json.dumps(doc))) == graded_everywhere(doc)


@settings(max_examples=300)
@given(sessions(), st.data())
def test_repeating_a_command_never_raises_what_counts_repeats(doc: dict[str, Any], data: st.DataObject) -> None:
    commands = [event["seq"] for event in doc["events"] if event["type"] in {"cmd_run", "test_run"}]
    assume(commands)
    at = data.draw(st.sampled_from(commands))
    again = {**doc["events"][at], "id": "again"}
    repeated = with_events(doc, [*doc["events"][: at + 1], again, *doc["events"][at + 1 :]])
    before, after = numbers_everywhere(doc), numbers_everywhere(repeated)
    for name in before:
        if name[1] in {"efficiency", "tool_economy", "course_correction"}:
            assert (after[name] or 0) <= (before[name] or 0)


@settings(max_examples=300)
@given(sessions())
def test_every_grade_cites_the_evidence_that_its_rubric_demands(doc: dict[str, Any]) -> None:
    grades = graded_everywhere(doc)
    for name, rubric in RUBRICS.items():
        for criterion in rubric.criteria:
            grade = grades[name, criterion.id]
            assert evidence_missing(grade, criterion, types(doc)) is None
            assert "Held at" not in grade.rationale  # the ladder cites it of its own


@pytest.mark.parametrize("doc", known_sessions())
def test_every_grade_of_a_known_session_cites_the_evidence_that_its_rubric_demands(doc: dict[str, Any]) -> None:
    assert [grade for grade in graded_everywhere(doc).values() if "Held at" in grade.rationale] == []
