"""docs/judge-report.md is what the judge says today."""

from __future__ import annotations

import pytest

from benchmarks.judge_report import SESSIONS, Judged, higher, page, real_sessions
from benchmarks.judge_stories import QUICK, stories, told
from judge.scoring import overall_milli
from schemas.records import Grade
from tests.support.data import PROJECT
from tests.support.judging import RUBRICS, graded

REPORT = PROJECT / "docs" / "judge-report.md"
AGAIN = "make it anew: python -m benchmarks.judge_report > docs/judge-report.md"


def test_the_examples_are_graded_as_the_page_says() -> None:
    assert stories() in REPORT.read_text(), AGAIN


def test_the_whole_page_is_current() -> None:
    if not SESSIONS.is_dir():
        pytest.skip(f"shared data absent: {SESSIONS.name}")
    assert page() == REPORT.read_text(), AGAIN


def test_a_failed_attempt_outscores_a_quick_fix_of_another_bug() -> None:
    scores = {name: overall_milli(graded(document).values()) or 0 for name, document in told().items()}
    assert scores["failed"] > scores[QUICK] + 2000


def _session(name: str, score: int, resolved: bool) -> Judged:
    grade = Grade(criterion="c", grade=score // 1000, weight=1000, rationale="r", cited_seqs=())
    return Judged(name, 3, {"c": grade}, dict.fromkeys(RUBRICS, score), resolved)


def test_the_matrix_and_the_chance_of_a_higher_score_are_counted() -> None:
    sessions = [_session("a", 5000, True), _session("b", 4000, False), _session("c", 4000, True)]
    told = real_sessions(sessions)
    assert "| 4 to 5 | 2 | 1 | 3 | 67% |" in told
    assert "| 3 to 4 | 0 | 0 | 0 | – |" in told
    assert "scores higher in\n1, lower in 0, the same in 1." in told
    assert "The best unresolved session (b, 4.00) scores higher than 0 of the 2 resolved ones." in told
    assert higher({(5000, 1): 1, (4000, 0): 1, (4000, 1): 1}) == 0.75
    assert higher({(5000, 1): 2}) is None
