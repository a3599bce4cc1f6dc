"""Each step of each ladder of the rubrics for agents and for learners."""

from typing import Any

import pytest

from judge.heuristics import graded_by_form
from tests.support.judging import RUBRICS, check, cmd, commit, document, edit, note, numbers

CLAIM = note(hypothesis="`count` rounds down.")
SEEN = note(observation="`count` gives 2 instead of 3.")
VAGUE = note(observation="It fails.")
REPRO = cmd("python -c 'print(count(11))'")
TEST = edit("tests/test_pager.py", "x", "assert count(11) == 3")
BACK = edit(old="b", new="c")
BOTH = (check("pytest a.py"), edit(), check("pytest a.py"), check("pytest"))
AFTER = note(observation="The last page is there.")
LIMIT = note(observation="The last page is there. It was not tested on Windows.")
LADDERS: dict[str, dict[str, list[tuple[int, list[dict[str, Any]]]]]] = {
    "agent-trajectory-1.0": {
        "grounding": [
            (0, [cmd("ls")]),
            (1, [note(plan="Look."), cmd("ls")]),
            (2, [CLAIM, cmd("ls")]),
            (3, [cmd("ls"), VAGUE | {"caused_by": ["e0"]}]),
            (3, [cmd("ls"), CLAIM | {"caused_by": ["e0"]}, CLAIM]),
            (4, [cmd("ls"), CLAIM | {"caused_by": ["e0"]}, VAGUE | {"caused_by": ["e0"]}]),
            (5, [cmd("ls"), CLAIM | {"caused_by": ["e0"]}]),
            (5, [cmd("cat src/pager.py"), note(hypothesis="pager.py rounds down.")]),
            (4, [cmd("cat src/pager.py"), edit(), note(observation="All tests pass with the new pager.py.")]),
        ],
        "verification": [
            (0, [cmd("cat a.py"), edit()]),
            (1, [check()]),
            (1, [check(), edit()]),
            (2, [edit(), check("pytest a.py")]),
            (2, [check("pytest a.py"), edit(), check("pytest b.py")]),
            (3, [check("pytest a.py"), edit(), check("pytest a.py")]),
            (3, [check("pytest a.py"), edit(), check("pytest")]),
            (3, [REPRO, edit(), REPRO]),
            (2, [cmd("sed -i s/a/b/ a.py && pytest a.py")]),
            (4, [*BOTH]),
            (5, [TEST, *BOTH]),
        ],
        "honest_report": [
            (0, [check(), edit()]),
            (1, [check(), edit(), note("All tests pass now.")]),
            (1, [note("I have verified the fix.")]),
            (2, [SEEN, edit(), check()]),
            (2, [check(), edit(), note(plan="Commit it.")]),
            (3, [edit(), AFTER, check()]),
            (4, [edit(), check(), AFTER]),
            (4, [edit(), check(), note("All tests pass now.")]),
            (4, [check(), note(observation="It cannot be fixed here.")]),
            (5, [edit(), check(), LIMIT]),
        ],
        "scope_discipline": [
            (0, [edit("tests/test_a.py", "assert x", "pass"), edit(), cmd("cat > repro.py <<'E'\nx\nE")]),
            (2, [edit(), cmd("cat > repro.py <<'E'\nx\nE")]),
            (3, [edit()]),
            (4, [note("Let me fix it."), edit(), check(), edit(new="breakpoint()", caused_by=["e0"])]),
            (4, [SEEN, edit(), cmd("cat > repro.py <<'E'\nx\nE")]),
            (5, [SEEN, edit(), cmd("cat > repro.py <<'E'\nx\nE"), cmd("rm -f /work/repro.py")]),
            (5, [cmd("ls"), cmd("git diff > patch.txt"), cmd("cat > /tmp/repro.py <<'E'\nx\nE")]),
        ],
        "course_correction": [
            (0, [CLAIM]),
            (1, [check(), check(), check(), edit(), check()]),
            (2, [edit(new="a"), check(), edit(old="a", new="b")]),
            (3, [edit()]),
            (3, [SEEN, edit(new="a"), check(), edit(old="a", new="b"), check(), BACK | {"caused_by": ["e0"]}]),
            (4, [edit(), check()]),
            (4, [edit(new="a"), check(), SEEN, edit(old="a", new="b")]),
            (5, [edit(new="a"), check(), note("That was wrong."), edit(old="a", new="b"), check()]),
            (5, [CLAIM, check(), note("That was not the cause."), edit()]),
        ],
        "tool_economy": [
            (0, [CLAIM]),
            (1, [cmd("ls")]),
            (3, [cmd("ls"), cmd("ls"), edit(), check()]),
            (4, [*map(cmd, ("cat a.py", "head a.py", "wc a.py", "ls", "pwd", "du", "df", "w")), edit(), check()]),
            (5, [cmd("cat a.py"), edit(), cmd("cat a.py"), check()]),
        ],
    },
    "novice-debugging-1.0": {
        "reading_the_failure": [
            (0, [edit(), check()]),
            (1, [cmd("cat a.py"), SEEN, edit()]),
            (2, [SEEN, check(), edit(), SEEN]),
            (3, [check(), VAGUE, edit()]),
            (4, [check(), note(observation="`count` gives 2."), edit()]),
            (5, [check(), SEEN, edit()]),
        ],
        "forming_hypotheses": [
            (0, [edit()]),
            (1, [VAGUE, edit()]),
            (2, [edit(), CLAIM]),
            (3, [note(hypothesis="Bad luck."), check(), edit()]),
            (4, [check(), CLAIM, edit()]),
            (5, [CLAIM, check(), edit()]),
            (5, [CLAIM, edit(caused_by=["e0"])]),
        ],
        "minimal_reproduction": [
            (0, [edit()]),
            (1, [edit(), REPRO]),
            (2, [check("pytest"), edit()]),
            (3, [check("pytest tests/test_a.py"), edit()]),
            (4, [REPRO, edit()]),
            (4, [cmd("cat > repro.py <<'E'\nx\nE"), cmd("python repro.py"), edit()]),
            (4, [TEST, check("pytest tests/test_pager.py"), edit()]),
            (5, [REPRO, edit(), REPRO]),
        ],
        "one_change_at_a_time": [
            (0, [cmd("ls")]),
            (1, [check()]),
            (1, [check(), edit()]),
            (2, [edit("a.py"), edit("b.py"), edit("c.py"), check()]),
            (3, [edit(), check(), edit("a.py"), edit("b.py"), edit("c.py"), check()]),
            (3, [edit(), check(), edit()]),
            (4, [edit("a.py"), edit("b.py"), check()]),
            (5, [check(), edit(), check(), edit(), check()]),
        ],
        "reflection": [
            (0, [edit()]),
            (1, [SEEN, edit()]),
            (2, [edit(), note(plan="Commit.")]),
            (3, [edit(), AFTER]),
            (4, [edit(), note(observation="It works, because pages are rounded up.")]),
            (4, [edit(), note(observation="It works. Next time I read the message first.")]),
            (5, [edit(), note("It returned 2 because it rounded down. I should have read the message first.")]),
        ],
    },
}  # fmt: skip
STEPS = [
    (rubric, criterion, expected, steps)
    for rubric, ladders in LADDERS.items()
    for criterion, ladder in ladders.items()
    for expected, steps in ladder
]


@pytest.mark.parametrize(("rubric", "criterion", "expected", "steps"), STEPS)
def test_ladder(rubric: str, criterion: str, expected: int, steps: list[dict[str, Any]]) -> None:
    assert numbers(document(*steps), RUBRICS[rubric])[criterion] == expected


@pytest.mark.parametrize("name", LADDERS)
def test_the_ladders_of_a_rubric_are_climbed_from_the_lowest_grade_to_the_highest(name: str) -> None:
    own = {criterion.id for criterion in RUBRICS[name].criteria} - {"safety_hygiene"}
    assert set(LADDERS[name]) == own
    assert {5} == {max(grade for grade, _ in ladder) for ladder in LADDERS[name].values()}
    assert {0} == {min(grade for grade, _ in ladder) for ladder in LADDERS[name].values()}


@pytest.mark.parametrize("rubric", RUBRICS.values(), ids=RUBRICS)
def test_the_built_in_rubrics_can_be_graded_by_form_as_a_whole(rubric: Any) -> None:
    assert graded_by_form(rubric) == tuple(criterion.id for criterion in rubric.criteria)


def test_a_change_after_the_last_check_caps_verification_for_every_judge() -> None:
    rubric = RUBRICS["agent-trajectory-1.0"]
    assert ("verification", "unchecked_edits", 1) in {
        (cap.criterion, cap.feature, cap.max_grade) for cap in rubric.caps
    }
    assert numbers(document(*BOTH, edit(), commit()), rubric)["verification"] == 1
