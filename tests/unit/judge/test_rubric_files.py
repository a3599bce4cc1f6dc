"""Where rubrics are found, what differs between two, and what their authors are told."""

import json
from pathlib import Path
from typing import Any

import pytest

from judge.configured import rubric_of
from judge.rubric import load
from judge.rubric_advice import advice, by_form
from judge.rubric_diff import Change, changes
from judge.rubric_files import DEFAULT, NoRubric, built_in, find, known
from judge.rubrics_command import main
from pipeline.errors import BadSetting
from pipeline.settings import JudgeSettings
from tests.support.data import PROJECT
from tests.support.judging import RUBRIC, RUBRICS

TEXT = find(DEFAULT, None).text


def rubric_with(*replaced: tuple[str, str]) -> Any:
    text = TEXT
    for old, new in replaced:
        assert old in text
        text = text.replace(old, new, 1)
    return load(text)


def test_the_built_in_rubrics_are_whole_and_distinct() -> None:
    assert {source.name for source in built_in()} == set(RUBRICS)
    assert [(source.name, advice(source.rubric(), RUBRICS.values())) for source in built_in()] == [
        (source.name, []) for source in built_in()
    ]
    assert len({rubric.digest() for rubric in RUBRICS.values()}) == len(RUBRICS)


@pytest.mark.parametrize("reference", ["agent-trajectory-1.0", "agent-trajectory", "agent-trajectory@1.0"])
def test_a_rubric_goes_by_its_name_its_id_and_its_version(reference: str) -> None:
    assert find(reference, None).name == "agent-trajectory-1.0"


def test_a_file_and_a_folder_are_found(tmp_path: Path) -> None:
    (tmp_path / "mine.yml").write_text(TEXT.replace("id: bug-fix-process", "id: mine"))
    (tmp_path / "notes.txt").write_text("no rubric")
    assert [source.name for source in known(tmp_path)] == [*sorted(RUBRICS), "mine"]
    assert find("mine@1.0", tmp_path).origin == "folder"
    assert find(str(tmp_path / "mine.yml"), None).origin == "file"


def test_what_cannot_be_found_or_read_is_told_with_what_there_is(tmp_path: Path) -> None:
    (tmp_path / "rubric-1.0.yaml").write_text(TEXT)
    (tmp_path / "broken.yaml").write_bytes(b"\xff\xfe")
    with pytest.raises(NoRubric, match=r"no rubric is named mine; there are agent-trajectory-1\.0, "):
        find("mine", None)
    with pytest.raises(NoRubric, match="no such file"):
        find("mine.yaml", None)
    with pytest.raises(NoRubric, match="is no folder; RUBRICS_DIR"):
        known(tmp_path / "gone")
    with pytest.raises(NoRubric, match=r"broken\.yaml cannot be read"):
        known(tmp_path)
    (tmp_path / "broken.yaml").unlink()
    with pytest.raises(NoRubric, match=r"may mean each of rubric-1\.0 .*, rubric-1\.0 .*"):
        find("rubric-1.0", tmp_path)


def test_the_judge_takes_a_rubric_by_name(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(TEXT.replace("id: bug-fix-process", "id: mine"))

    def of(**fields: object) -> str:
        return rubric_of(JudgeSettings.model_validate(fields)).id

    assert of() == "bug-fix-process"
    assert of(judge_rubric="novice-debugging") == "novice-debugging"
    assert of(judge_rubric="mine", rubrics_dir=tmp_path) == "mine"
    with pytest.raises(BadSetting, match="JUDGE_RUBRIC: mine cannot be used: no rubric is named mine"):
        of(judge_rubric="mine")


DIFFERENCES: list[tuple[list[tuple[str, str]], list[Change]]] = [
    ([], []),
    ([("# Rubric 1.0", "# Another comment")], []),
    ([('version: "1.0"', 'version: "1.1"')], [Change("changed", "version", "1.0", "1.1")]),
    (
        [("weight_per_mille: 250", "weight_per_mille: 300"), ("weight_per_mille: 150", "weight_per_mille: 100")],
        [
            Change("changed", "criteria.causal_linking.weight_per_mille", 250, 300),
            Change("changed", "criteria.efficiency.weight_per_mille", 150, 100),
        ],
    ),
    (
        [("0: Nothing was run.", "0: Nothing.")],
        [Change("changed", "criteria.experiment_design.anchors.0", "Nothing was run.", "Nothing.")],
    ),
    ([("max_grade: 2", "max_grade: 3")], [Change("changed", "caps.safety_hygiene.risky_commands.max_grade", 2, 3)]),
    (
        [("id: bug-fix-process", "id: bug-fix-process\nderived_from: bug-fix-process@0.9")],
        [Change("added", "derived_from", None, "bug-fix-process@0.9")],
    ),
]


@pytest.mark.parametrize(("replaced", "expected"), DIFFERENCES, ids=range(len(DIFFERENCES)))
def test_what_differs_is_told_field_by_field(replaced: list[tuple[str, str]], expected: list[Change]) -> None:
    a, b = RUBRIC.content(), rubric_with(*replaced).content()
    assert list(changes(a, b)) == expected
    assert (changes(a, b) == ()) == (rubric_with(*replaced).digest() == RUBRIC.digest())
    assert [(change.where, change.b, change.a) for change in changes(b, a)] == [
        (change.where, change.a, change.b) for change in expected
    ]


def test_criteria_that_come_and_go_and_another_order_are_told() -> None:
    content = RUBRIC.content()
    renamed = rubric_with(("id: efficiency", "id: elegance")).content()
    assert [(change.kind, change.where) for change in changes(content, renamed)] == [
        ("removed", "criteria.efficiency"),
        ("added", "criteria.elegance"),
    ]
    turned = {**content, "criteria": content["criteria"][::-1], "caps": []}
    assert [(change.kind, change.where) for change in changes(content, turned)] == [
        ("changed", "criteria (order)"),
        ("removed", "caps.safety_hygiene.dangerous_commands"),
        ("removed", "caps.safety_hygiene.risky_commands"),
    ]


def test_an_author_is_told_what_the_heuristic_judge_can_grade() -> None:
    some = by_form(rubric_with(("id: efficiency", "id: elegance")))
    assert (some["grades_not"], some["weight_per_mille"], some["usable"]) == (["elegance"], 850, True)
    few = by_form(
        rubric_with(
            ("id: causal_linking", "id: a"), ("id: problem_understanding", "id: b"), ("id: efficiency", "id: c")
        )
    )
    assert (few["weight_per_mille"], few["usable"]) == (400, False)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("0: Nothing was run.", "0: Nothing.", ["is built in with another content", "heuristic judge grades by those"]),
        ("id: bug-fix-process", "id: mine", []),
        ("Does every step add information or progress?", "Every step adds.", ["is built in", "the question is none"]),
        ("4: Little waste; a few needless steps.", "4: Noticeable waste, yet the session moves forward.",
         ["is built in", "efficiency: anchors 3 and 4 say the same", "heuristic judge grades by those"]),
    ],
)  # fmt: skip
def test_an_author_is_told_what_may_mislead(old: str, new: str, told: list[str]) -> None:
    sentences = advice(rubric_with((old, new)), RUBRICS.values())
    assert len(sentences) == len(told)
    assert all(part in sentence for part, sentence in zip(told, sentences, strict=True))


def test_the_module_answers_in_json_and_its_exit_status(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine.yaml").write_text(TEXT.replace("weight_per_mille: 250", "weight_per_mille: 260"))
    monkeypatch.setenv("RUBRICS_DIR", str(tmp_path))
    assert main(["list"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert [(entry["name"], bool(entry["faults"])) for entry in listed][-1] == ("mine", True)
    assert main(["check", "rubric-1.0", "mine", "gone.yaml"]) == 1
    good, bad, gone = json.loads(capsys.readouterr().out)
    assert (good["faults"], good["digest"]) == ([], RUBRIC.digest())
    assert [(fault["line"], fault["path"]) for fault in bad["faults"]] == [(14, "criteria")]
    assert gone["faults"][0]["said"] == "gone.yaml: no such file"
    assert main(["diff", "rubric-1.0", "mine"]) == 2
    assert "line 14, criteria: weights sum to 1010" in capsys.readouterr().err


def test_the_page_on_rubrics_has_every_built_in_criterion_with_its_weight() -> None:
    page = (PROJECT / "docs" / "rubrics.md").read_text()
    for name, rubric in RUBRICS.items():
        assert f"{name:<20}  {rubric.id}@{rubric.version}" in page
        assert rubric.digest()[:19] in page
        if rubric is not RUBRIC:
            rows = [f"| `{criterion.id}` | {criterion.weight_per_mille / 10:g} % |" for criterion in rubric.criteria]
            assert [row for row in rows if row not in page] == []
