"""How the work went, step by step."""

from typing import Any

import pytest

from judge.features import Features, features
from tests.support.judging import check, cmd, commit, document, edit, note


def of(*steps: dict[str, Any]) -> Features:
    return features(document(*steps))


SCRATCH = cmd("cat > repro.py <<'E'\nx\nE")
NEW = "--- /dev/null\n+++ b/{0}\n@@ -0,0 +1 @@\n+x\n"
GONE = "--- a/{0}\n+++ /dev/null\n@@ -1 +0,0 @@\n-x\n"


@pytest.mark.parametrize(
    "command", ["python -c 'import x'", "python3 - <<'E'\nx\nE", "node -e 'x'", "/usr/bin/python3 -B -c 'x'"]
)
def test_an_inline_script_is_a_reproduction_of_ones_own(command: str) -> None:
    assert of(cmd(command), edit()).own_reproductions == (0,)
    assert of(edit(), cmd(command)).own_reproductions == ()


def test_a_program_that_was_there_is_no_reproduction_of_ones_own() -> None:
    assert of(cmd("python main.py"), check("pytest a.py"), edit()).own_reproductions == ()
    assert of(SCRATCH, cmd("python repro.py"), edit(), cmd("python repro.py")).reproductions_rerun == (3,)


@pytest.mark.parametrize(
    "removal", ["rm repro.py", "rm -rf /work/repro.py", "rm repro*", "mv repro.py /tmp/", "git clean -fd"]
)
def test_a_scratch_file_is_a_stray_until_it_is_removed(removal: str) -> None:
    assert of(SCRATCH, edit()).strays == (0,)
    assert of(SCRATCH, edit(), cmd(removal)).strays == ()
    assert of(SCRATCH, cmd(removal), SCRATCH).strays == (2,)
    assert of(SCRATCH, cmd("rm other.py")).strays == (0,)


def test_files_that_an_editor_makes_and_deletes_count_like_those_of_commands() -> None:
    made = edit("debug_it.py", diff_unified=NEW.format("debug_it.py"))
    assert of(made).strays == (0,)
    assert of(made, edit("debug_it.py", diff_unified=GONE.format("debug_it.py"))).strays == ()


@pytest.mark.parametrize("path", ["/tmp/repro.py", "tests/test_new.py", "patch.txt", "src/tests/check_it.py"])
def test_tests_in_their_folder_papers_and_temporary_files_are_no_strays(path: str) -> None:
    assert of(cmd(f"cat > {path} <<'E'\nx\nE")).strays == ()


def test_only_a_test_in_a_folder_of_tests_is_there_to_stay() -> None:
    assert of(
        edit("tests/test_a.py"), edit("test_b.py"), cmd("cd tests && cat > test_c.py <<'E'\nx\nE")
    ).regression_tests == (0, 2)


def test_a_step_ends_with_a_check_and_what_follows_the_last_one_is_unchecked() -> None:
    found = of(edit("a.py"), edit("b.py"), check(), edit("c.py"), cmd("sed -i s/a/b/ a.py && pytest"), edit("d.py"))
    assert (found.checked_steps, found.unchecked_edits) == ((2, 4), (5,))


def test_a_third_place_without_a_check_in_between_is_crowded() -> None:
    found = of(edit("a.py"), edit("b.py"), edit("a.py"), edit("c.py"), edit("d.py"), check(), edit("e.py"))
    assert found.crowded_edits == (3, 4)


def test_a_correction_is_explained_by_a_link_or_by_a_note_since_the_last_check() -> None:
    typed, back = edit(new="a"), edit(old="a", new="b")
    assert of(typed, check(), back).explained_corrections == ()
    assert of(typed, note("I see it."), check(), back).explained_corrections == ()
    assert of(typed, check(), note("I see it."), back).explained_corrections == (3,)
    assert of(note("I see it."), typed, check(), back | {"caused_by": ["e0"]}).explained_corrections == (3,)
    assert of(typed, cmd("git checkout src/pager.py"), check()).corrections == (1,)


def test_a_file_is_read_again_when_nothing_changed_since() -> None:
    found = of(cmd("cat a.py"), cmd("head a.py"), cmd("cat b.py"), edit(), cmd("tail a.py"), cmd("cat a.py"))
    assert found.rereads == (1, 5)


def test_a_commit_is_no_step() -> None:
    assert of(edit(), check(), commit()).unchecked_edits == ()
