"""A rubric file either can be graded with or says what is wrong with it."""

from importlib.resources import files
from typing import Any

import pytest
import yaml

from judge.rubric import BadRubric, load
from tests.support.judging import RUBRIC

TEXT = (files("judge") / "rubrics" / "rubric-1.0.yaml").read_text()
WEIGHTS = {
    "problem_understanding": 200,
    "causal_linking": 250,
    "experiment_design": 200,
    "efficiency": 150,
    "reproducibility": 100,
    "safety_hygiene": 100,
}


def test_rubric_1_0_has_the_six_criteria_with_their_weights() -> None:
    assert {criterion.id: criterion.weight_per_mille for criterion in RUBRIC.criteria} == WEIGHTS
    assert RUBRIC.version == "1.0"


@pytest.mark.parametrize("criterion", RUBRIC.criteria, ids=lambda criterion: criterion.id)
def test_every_grade_has_a_descriptor_of_its_own(criterion: Any) -> None:
    texts = list(criterion.anchors.values())
    assert len(set(texts)) == 6
    assert all(len(text) > 10 for text in texts)
    assert criterion.guidance
    assert criterion.question.endswith("?")


def test_the_digest_is_of_the_content_not_of_the_layout() -> None:
    relaid = yaml.safe_dump(yaml.safe_load(TEXT), sort_keys=False, width=40)
    assert load(relaid + "# a comment\n").digest() == RUBRIC.digest()
    assert load(TEXT.replace("Nothing was run.", "Nothing at all was run.")).digest() != RUBRIC.digest()


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (("weight_per_mille: 250", "weight_per_mille: 260"), "sum to 1010"),
        (("id: efficiency", "id: causal_linking"), "same id"),
        (("      5: Every step", "      6: Every step"), "0 to 5"),
        (("criterion: safety_hygiene", "criterion: safety"), "unknown criterion"),
        (("feature: risky_commands", "feature: bad_luck"), "unknown feature"),
        (("0: Nothing was run.", "0: ''"), "at least 1 character"),
        (("title: Efficiency", "title: Efficiency\n    colour: red"), "colour"),
        (("criteria:", "criteria: ["), "not YAML"),
    ],
)
def test_a_bad_rubric_is_refused_with_its_fault(change: tuple[str, str], complaint: str) -> None:
    broken = TEXT.replace(*change)
    assert broken != TEXT
    with pytest.raises(BadRubric, match=complaint):
        load(broken)
