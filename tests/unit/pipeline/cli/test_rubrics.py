"""`rubric` for people and for scripts: what it prints, and the documented exit status."""

import json
from pathlib import Path

import pytest

from judge.rubric_files import DEFAULT, find
from tests.unit.pipeline.cli.test_commands import cli

TEXT = find(DEFAULT, None).text


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    path = tmp_path / "rubrics" / "mine.yaml"
    path.parent.mkdir()
    path.write_text(TEXT.replace("id: bug-fix-process", "id: mine").replace("id: efficiency", "id: elegance"))
    return path


def test_the_built_in_rubrics_and_ones_own_are_listed(tmp_path: Path, mine: Path) -> None:
    done = cli(tmp_path, "rubric", "list", RUBRICS_DIR=str(mine.parent), COLUMNS="150")
    assert (done.returncode, done.stderr) == (0, "")
    rows = [line.split() for line in done.stdout.splitlines()]
    assert [row[:2] for row in rows[1:]] == [
        ["agent-trajectory-1.0", "agent-trajectory@1.0"],
        ["novice-debugging-1.0", "novice-debugging@1.0"],
        ["rubric-1.0", "bug-fix-process@1.0"],
        ["mine", "mine@1.0"],
    ]
    assert rows[-1][2:5] == ["5", "of", "6"]


def test_a_rubric_is_shown_to_read_as_json_and_as_it_is(tmp_path: Path) -> None:
    shown = cli(tmp_path, "rubric", "show", "agent-trajectory", COLUMNS="500").stdout
    assert "Grounding of claims  20 %  grounding" in shown
    assert "  5  As 4, and a test that stays with the code was written or changed to catch the fault." in shown
    assert "from 2 upward cites a cmd_run or test_run" in shown
    assert "at most 1 in verification where unchecked_edits shows: nothing was run after" in shown
    document = json.loads(cli(tmp_path, "rubric", "show", "agent-trajectory", "--json").stdout)
    assert [criterion["id"] for criterion in document["rubric"]["criteria"]][:2] == ["grounding", "verification"]
    assert cli(tmp_path, "rubric", "show", "rubric-1.0", "--yaml").stdout == TEXT


def test_a_check_tells_every_fault_or_what_grades_it(tmp_path: Path, mine: Path) -> None:
    done = cli(tmp_path, "rubric", "check", str(mine))
    assert done.returncode == 0
    assert "mine: mine@1.0 can be graded with, sha256:" in done.stdout
    assert "grades 85 % of the weight" in done.stdout
    assert "only a model grades elegance" in done.stdout
    mine.write_text(mine.read_text().replace('"1.0"', "1.0").replace("max_grade: 2", "max_grade: 9"))
    done = cli(tmp_path, "rubric", "check", "rubric-1.0", str(mine))
    assert done.returncode == 1
    assert done.stdout.splitlines()[-3:] == [
        "mine: 2 faults",
        '  line 5, version: must be text, not 1.0; put it in quotes: "..."',
        "  line 125, caps[1].max_grade: must be less than or equal to 4, not 9",
    ]


def test_a_difference_has_the_exit_status_of_diff(tmp_path: Path, mine: Path) -> None:
    same = cli(tmp_path, "rubric", "diff", "rubric-1.0", "bug-fix-process@1.0")
    assert (same.returncode, len(same.stdout.splitlines())) == (0, 2)
    done = cli(tmp_path, "rubric", "diff", "rubric-1.0", str(mine))
    assert done.returncode == 1
    assert done.stdout.splitlines()[2:] == [
        "~ id",
        "    - bug-fix-process",
        "    + mine",
        "- criteria.efficiency",
        "    - Efficiency, 15 %: Does every step add information or progress?",
        "+ criteria.elegance",
        "    + Efficiency, 15 %: Does every step add information or progress?",
    ]
    document = json.loads(cli(tmp_path, "rubric", "diff", "rubric-1.0", str(mine), "--json").stdout)
    assert (document["same"], len(document["changes"])) == (False, 3)


@pytest.mark.parametrize("command", [("show", "nope"), ("diff", "rubric-1.0", "nope"), ("list", "--dir", "/nowhere")])
def test_what_is_not_there_is_named_in_one_line(tmp_path: Path, command: tuple[str, ...]) -> None:
    done = cli(tmp_path, "rubric", *command)
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (2, "", 1)
    assert "nope" in done.stderr or "/nowhere" in done.stderr
