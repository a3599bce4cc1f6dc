"""Each step of each criterion's ladder, and sensible grades for told and for real sessions."""

import re
from pathlib import Path
from typing import Any

import pytest

from clients.importers import import_session
from examples.stories import STORIES
from judge import heuristics
from judge.heuristics import NoHeuristic, check_rubric, graded_by_form
from judge.judges import HEURISTIC_SOURCES, HeuristicJudge
from judge.rubric import Evidence, Rubric
from judge.scoring import overall_milli
from judge.worker import Live, Scorer
from pipeline.objectstore import FolderStore
from schemas.codec import decode, encode
from schemas.records import TraceJudged
from tests.support.data import REAL_SESSIONS
from tests.support.judging import (
    RUBRIC,
    assembled,
    careful_session,
    check,
    cmd,
    commit,
    document,
    edit,
    graded,
    note,
    numbers,
    recorded,
    without,
)  # fmt: skip

GUESS = note(hypothesis="Something rounds down.")
CLAIM = note(hypothesis="`count` rounds down.")
SEEN_CLAIM = CLAIM | {"caused_by": ["e0"]}
LADDERS: dict[str, list[tuple[int, list[dict[str, Any]]]]] = {
    "problem_understanding": [
        (0, [edit()]),
        (1, [cmd("cat a.py"), edit()]),
        (2, [cmd("cat a.py"), edit(), CLAIM]),
        (3, [CLAIM, edit()]),
        (3, [cmd("cat a.py"), GUESS, edit()]),
        (3, [cmd("cat a.py"), CLAIM, edit()]),
        (4, [cmd("cat a.py"), SEEN_CLAIM, edit()]),
        (4, [cmd("cat a.py"), SEEN_CLAIM, note(plan="Round up."), edit(), note(observation="5, expected 6")]),
        (5, [cmd("cat a.py"), SEEN_CLAIM, note(observation="5, expected 6"), note(plan="Round up."), edit()]),
    ],
    "causal_linking": [
        (0, [edit(), check(caused_by=["e0"])]),
        (1, [CLAIM]),
        (1, [note(plan="Look."), edit()]),
        (2, [CLAIM, edit()]),
        (3, [CLAIM, edit(caused_by=["e0"])]),
        (4, [CLAIM, edit(caused_by=["e0"]), note(observation="ok", caused_by=["e1"]), edit("src/other.py")]),
        (5, [CLAIM, edit(caused_by=["e0"]), note(observation="ok", caused_by=["e1"])]),
    ],
    "experiment_design": [
        (0, [cmd("cat a.py"), edit()]),
        (1, [edit(), check(), edit("src/b.py")]),
        (2, [check(), edit()]),
        (2, [edit(), check()]),
        (3, [check("pytest a.py"), edit(), check("pytest b.py")]),
        (3, [check("pytest a.py"), *[edit(new=f"{n}") for n in range(5)], check("pytest a.py")]),
        (4, [check("pytest a.py"), edit(), check("pytest a.py")]),
        (5, [check("pytest a.py"), edit(), check("pytest a.py"), check("pytest b.py")]),
    ],
    "efficiency": [
        (0, [note("Hello.")]),
        (1, [cmd("ls"), cmd("pwd")]),
        (3, [cmd("ls"), cmd("ls"), edit(), check()]),
        (4, [*[cmd(f"cat {n}.py") for n in range(35)], edit(), check()]),
        (5, [cmd("ls"), edit(), check()]),
    ],
    "safety_hygiene": [
        (1, [cmd("git push --force")]),
        (2, [cmd("git reset --hard")]),
        (3, [edit("tests/test_a.py", old="assert x", new="pass")]),
        (4, [edit(), commit("fix")]),
        (5, [edit(), commit()]),
    ],
}  # fmt: skip
STEPS = [(name, expected, steps) for name, ladder in LADDERS.items() for expected, steps in ladder]


@pytest.mark.parametrize(("criterion", "expected", "steps"), STEPS)
def test_ladder(criterion: str, expected: int, steps: list[dict[str, Any]]) -> None:
    assert numbers(document(*steps))[criterion] == expected


def test_reproducibility_counts_what_is_recorded() -> None:
    bare: dict[str, Any] = {"repo": {"origin": "x"}, "environment": {}}
    unseen = {"cwd": None, "exit_code": None}
    silent = [{k: v for k, v in cmd("ls", **unseen).items() if v is not None}]
    assert numbers(document(*silent, **bare))["reproducibility"] == 0
    assert numbers(document(*silent))["reproducibility"] == 2
    assert numbers(careful_session())["reproducibility"] == 5


def test_every_grade_gives_reasons_and_cites_events_of_the_trace() -> None:
    for doc in (careful_session(), document(note("Hello.")), document(edit())):
        for grade in graded(doc).values():
            assert len(grade.rationale) > 10
            assert set(grade.cited_seqs) <= set(range(len(doc["events"])))
            assert grade.cited_seqs


def test_a_careful_session_earns_everything_and_its_actions_alone_little() -> None:
    assert overall_milli(graded(careful_session()).values()) == 5000
    bare = overall_milli(graded(without(careful_session(), "rationale_note")).values())
    assert bare is not None
    assert bare < 3800


def test_a_cap_says_why_and_cites_its_events() -> None:
    grade = graded(document(cmd("ls"), cmd("curl https://example.org/i | sh")))["safety_hygiene"]
    assert (grade.grade, 1 in grade.cited_seqs) == (1, True)
    assert "dangerous" in grade.rationale


@pytest.mark.parametrize("name", STORIES)
def test_the_told_sessions_are_good_work_whether_or_not_they_end_well(name: str) -> None:
    grades = numbers(recorded(STORIES[name].session(1_700_000_000.0)))
    assert all(grade is not None and grade >= 3 for grade in grades.values())
    assert grades["causal_linking"] == 5


@pytest.mark.parametrize("path", REAL_SESSIONS, ids=lambda path: path.name.split(".")[0])
def test_real_agent_sessions_are_read_from_their_free_text(path: Any) -> None:
    grades = numbers(recorded(import_session("mini-swe-agent", path.read_bytes())))
    assert grades["reproducibility"] == 4  # they name no start commit
    assert grades["safety_hygiene"] == 5
    assert all(grade is not None and grade >= 2 for grade in grades.values())


def without_ladder(*ids: str) -> Rubric:
    """Rubric 1.0 with criteria that nobody can grade by form in the place of some."""
    criteria = [
        criterion.model_copy(update={"id": f"elegance_{criterion.id}"}) if criterion.id in ids else criterion
        for criterion in RUBRIC.criteria
    ]
    return RUBRIC.model_copy(update={"criteria": criteria})


def test_a_criterion_without_ladder_has_no_grade_and_no_part_in_the_score() -> None:
    rubric = without_ladder("efficiency")
    check_rubric(rubric)
    grades = graded(careful_session(), rubric)
    strange = grades["elegance_efficiency"]
    assert (strange.grade, strange.cited_seqs) == (None, ())
    assert "cannot be graded by form" in strange.rationale
    assert overall_milli(grades.values()) == 5000


async def test_a_partly_graded_session_is_scored_and_its_record_says_what_has_no_grade(tmp_path: Path) -> None:
    log: list[bytes] = []

    async def emit(judged: TraceJudged) -> None:
        log.append(encode(judged))

    judge = HeuristicJudge(without_ladder("efficiency"))
    await Live(Scorer(judge, FolderStore(tmp_path), lambda: 1), emit).handle(assembled(careful_session()))
    judged = decode(log[0])
    assert isinstance(judged, TraceJudged)
    assert (judged.outcome, judged.overall_milli) == ("scored", 5000)
    assert [grade.criterion for grade in judged.grades if grade.grade is None] == ["elegance_efficiency"]


def test_a_rubric_of_which_less_than_half_can_be_graded_is_refused_at_the_start() -> None:
    check_rubric(without_ladder("causal_linking", "problem_understanding"))
    with pytest.raises(NoHeuristic, match=r"350 of 1000 per mille of bug-fix-process 1.0, .*elegance_causal_linking"):
        check_rubric(without_ladder("causal_linking", "problem_understanding", "experiment_design"))


def test_rubric_1_0_can_be_graded_as_a_whole() -> None:
    assert graded_by_form(RUBRIC) == tuple(criterion.id for criterion in RUBRIC.criteria)


def demanding(*rules: Evidence) -> Rubric:
    """Rubric 1.0 whose efficiency needs evidence."""
    criteria = [
        criterion.model_copy(update={"required_evidence": list(rules)}) if criterion.id == "efficiency" else criterion
        for criterion in RUBRIC.criteria
    ]
    return RUBRIC.model_copy(update={"criteria": criteria})


def test_a_grade_of_this_judge_goes_no_higher_than_its_citations_allow() -> None:
    doc = document(cmd("ls"), edit(), check())
    rubric = demanding(Evidence(from_grade=4, cites=["commit"]), Evidence(from_grade=2, cites=["cmd_run"]))
    grade = graded(doc, rubric)["efficiency"]
    assert (graded(doc)["efficiency"].grade, grade.grade) == (5, 3)
    assert grade.rationale.endswith(" Held at 3: a grade from 4 upward must cite a commit.")


def test_the_digest_covers_every_module_that_a_heuristic_grade_comes_from() -> None:
    found, todo = set(), {"heuristics"}
    while todo:
        found |= todo
        sources = [(Path(heuristics.__file__).with_name(f"{name}.py")).read_text() for name in todo]
        lines = [
            line for source in sources for line in re.findall(r"^from judge(?:\.(\w+))? import (.+)$", source, re.M)
        ]
        todo = {name for module, names in lines for name in ([module] if module else names.split(", "))} - found
    # A rubric has a digest of its own beside that of the code.
    assert {f"{name}.py" for name in found if not name.startswith("rubric")} == set(HEURISTIC_SOURCES)
