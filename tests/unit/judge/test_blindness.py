"""The judge does not know the sandbox's verdict: nothing of it is in a prompt, and no change of it changes anything."""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import Any

import pytest

from judge.injection import screen
from judge.prompt import SYSTEM, Mode, questions
from tests.support.judging import RUBRIC, document, graded
from tests.support.twins import BUDGET, sessions

JUDGE = Path(__file__).parents[3] / "judge"
VERDICTS = ("fixed", "not_fixed", "regressed", "flaky", "unverifiable", "timeout", "infra_failure")
MODES: tuple[Mode, ...] = ("all", "criterion", "batch")


def validated(doc: dict[str, Any], verdict: str) -> dict[str, Any]:
    """The document as if the sandbox's verdict had found its way into it, under every name that it has."""
    validation = {"verdict": verdict, "level": "verified", "tests_passed": 17, "reason": "sentinel-of-the-sandbox"}
    return {**doc, "qa": {"validation": validation}, "validation": validation, "verdict": verdict}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", list(sessions()))
def test_no_verdict_changes_a_prompt_or_is_in_one(name: str, mode: Mode) -> None:
    doc = sessions()[name]
    plain = questions(RUBRIC, [screen(doc)], mode, BUDGET)
    for verdict in VERDICTS:
        told = questions(RUBRIC, [screen(validated(doc, verdict))], mode, BUDGET)
        assert told == plain
        assert "sentinel-of-the-sandbox" not in json.dumps([question.messages for question in told])


@pytest.mark.parametrize("name", list(sessions()))
def test_no_verdict_changes_a_grade_of_the_heuristic_judge(name: str) -> None:
    doc = sessions()[name]
    assert all(graded(validated(doc, verdict)) == graded(doc) for verdict in VERDICTS)


def test_no_module_of_the_judge_knows_the_record_or_the_topic_of_the_verdict() -> None:
    for path in JUDGE.glob("*.py"):
        names = {node.id for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Name)}
        assert not names & {"TraceValidated", "TRACE_VALIDATED"}, path.name


def test_what_a_client_says_of_its_tests_is_never_called_a_verdict() -> None:
    [question] = questions(
        RUBRIC, [screen(document({"type": "test_run", "framework": "pytest", "failed": 1}))], "all", 9_999
    )
    [event] = json.loads(question.messages[1]["content"])["evidence"]["trace_1"]["events"]
    assert event["reported_by"] == "client"
    assert "nobody has confirmed it" in SYSTEM
    assert "verdict" not in question.messages[1]["content"] + SYSTEM
