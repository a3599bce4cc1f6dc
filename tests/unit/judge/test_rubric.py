"""A rubric file either can be graded with or says what is wrong with it."""

import time
from importlib.resources import files
from typing import Any, get_args

import pytest
import yaml

from judge.rubric import BadRubric, EventType, Rubric, load
from judge.rubric_text import spelled
from schemas import events
from tests.support.judging import RUBRIC

TEXT = (files("judge") / "rubrics" / "rubric-1.0.yaml").read_text()
EVENT_MODELS = (events.CmdRun, events.Commit, events.FileEdit, events.RationaleNote, events.TestRun)
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


def test_rubric_1_0_keeps_its_digest_as_the_format_grows() -> None:
    assert RUBRIC.digest() == "sha256:83f364368db4cdb6d009dec7c76e6613e474a1e78663590c7dd319d37e3e1703"


def test_an_optional_field_counts_once_it_is_given() -> None:
    given = load(TEXT + "derived_from: bug-fix-process@0.9\napplies_to: bug fixes\n")
    assert given.content() == {
        **RUBRIC.content(), "derived_from": "bug-fix-process@0.9", "applies_to": "bug fixes",
    }  # fmt: skip
    assert given.digest() != RUBRIC.digest()


def test_required_evidence_is_read_from_the_lowest_grade_upward() -> None:
    evidence = (
        "    required_evidence: [{from_grade: 4, cites: [commit]}, {from_grade: 2, cites: [cmd_run, test_run]}]\n"
    )
    criterion = load(TEXT.replace("    title: Efficiency\n", "    title: Efficiency\n" + evidence)).criteria[3]
    assert [str(rule) for rule in criterion.evidence] == [
        "a grade from 2 upward must cite a cmd_run or test_run",
        "a grade from 4 upward must cite a commit",
    ]


def test_the_event_types_are_those_of_the_contract() -> None:
    types = {get_args(model.model_fields["type"].annotation)[0] for model in EVENT_MODELS}
    assert set(get_args(EventType)) == types


COMPLAINTS = [
    (
        "weight_per_mille: 250",
        "weight_per_mille: 260",
        "line 14, criteria: weights sum to 1010 per mille, not 1000; take 10 away",
    ),
    ("weight_per_mille: 250", "weight_per_mille: 240", "weights sum to 990 per mille, not 1000; add 10"),
    (
        "id: efficiency",
        "id: causal_linking",
        r"line 71, criteria\[3\].id: 'causal_linking' has the same id as criteria\[1\]",
    ),
    (
        "      5: Every step",
        "      6: Every step",
        r"line 78, criteria\[3\].anchors: no anchor for 5 and 6 is no grade; .* 0 to 5, in this",
    ),
    (
        "criterion: safety_hygiene",
        "criterion: safety",
        r"caps\[0\].criterion: unknown criterion 'safety'; did you mean 'safety_hygiene'",
    ),
    ("feature: risky_commands", "feature: xyz", r"caps\[1\].feature: unknown feature 'xyz'; known: actions, "),
    ("feature: risky_commands", "feature: risky_command", "did you mean 'risky_commands'"),
    ("0: Nothing was run.", "0: ''", r"line 64, criteria\[2\].anchors.0: must not be empty"),
    (
        "title: Efficiency",
        "title: Efficiency\n    colour: red",
        "line 73, criteria.3..colour: is no field of a rubric; known: id, title",
    ),
    (
        "guidance: >-\n      Repeating",
        "guidence: >-\n      Repeating",
        "guidence: is no field of a rubric; did you mean 'guidance'",
    ),
    (
        "guidance: >-\n      Repeating",
        "guidence: >-\n      Repeating",
        r"criteria\[3\].guidance: is missing; add it: where to look",
    ),
    ('version: "1.0"', "version: 1.0", "line 5, version: must be text, not 1.0; put it in quotes"),
    ("title: Efficiency", "title: [Efficiency]", "title: must be text, not a list"),
    ("id: efficiency", "id: Efficiency!", "'Efficiency!' is no id; use lower-case letters"),
    ("weight_per_mille: 250", "weight_per_mille: lots", "weight_per_mille: must be a valid integer, not 'lots'"),
    ("max_grade: 1", "max_grade: 5", "max_grade: must be less than or equal to 4, not 5"),
    ("caps:", "derived_from: rubric 0\ncaps:", "derived_from: 'rubric 0' names no rubric; write id@version"),
    (
        "title: Efficiency",
        "title: Efficiency\n    title: Thrift",
        "line 73, .*title: given twice, first in line 72; keep one",
    ),
    ("title: Efficiency", "title: &x Efficiency", "line 72: YAML anchors and aliases"),
    ("title: Efficiency", "title: *x", "line 72: YAML anchors and aliases"),
    ("title: Efficiency", "title: {a: {b: {c: {d: {e: {f: {g: {h: {i: {j: k}}}}}}}}}}", "nested more than 12 deep"),
    ("title: Efficiency", "? [a, b]\n    : c\n    title: Efficiency", "a key that is neither a word nor"),
    ("title: Efficiency", "title: 2024-99-99", "not a value: .*; put it in quotes"),
    ("title: Efficiency", "title: !!python/name:os.system x", "not YAML: could not determine a constructor"),
    ("criteria:", "criteria: [", "line .*: not YAML"),
    ("id: bug-fix-process", "\x00", "not YAML: unacceptable character"),
    ("caps:", "---\ncaps:", "not YAML: but found another document"),
]


@pytest.mark.parametrize(("old", "new", "complaint"), COMPLAINTS, ids=range(len(COMPLAINTS)))
def test_a_bad_rubric_is_refused_with_its_place_its_fault_and_what_would_be_right(
    old: str, new: str, complaint: str
) -> None:
    broken = TEXT.replace(old, new, 1)
    assert broken != TEXT
    with pytest.raises(BadRubric, match=complaint):
        load(broken)


@pytest.mark.parametrize("text", ["", "[]", "rubric", "criteria: 7", "caps: [x]\ncriteria: [y]", "0: {1: 2}"])
def test_what_is_no_rubric_at_all_is_refused_in_words(text: str) -> None:
    with pytest.raises(BadRubric, match=r"line 1|the file"):
        load(text)


def test_every_fault_is_told_in_the_order_of_the_file() -> None:
    broken = TEXT.replace('"1.0"', "1.0").replace("id: efficiency", "id: 7").replace("max_grade: 2", "max_grade: two")
    with pytest.raises(BadRubric) as refused:
        load(broken.replace("weight_per_mille: 250", "weight_per_mille: 251"))
    assert [spelled(fault.path) for fault in refused.value.faults] == [
        "version", "criteria", "criteria[3].id", "caps[1].max_grade",
    ]  # fmt: skip
    assert all(fault.line for fault in refused.value.faults)


def test_a_huge_or_deep_text_is_refused_before_it_costs_anything() -> None:
    for text in ("x" * 200_000, "[" * 100_000, "- " * 60_000, "{a: " * 30_000):
        started = time.process_time()
        with pytest.raises(BadRubric, match=r"too many|deep"):
            load(text)
        assert time.process_time() - started < 1


def test_an_inconsistent_rubric_cannot_be_made_by_hand_either() -> None:
    with pytest.raises(ValueError, match="weights sum to 800"):
        Rubric.model_validate({**RUBRIC.model_dump(), "criteria": RUBRIC.model_dump()["criteria"][1:]})
