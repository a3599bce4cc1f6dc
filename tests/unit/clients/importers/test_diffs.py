"""Diffs do what they say: git applies them, also those that are cut, and gets the text afterwards."""

import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clients.importers import diffs
from clients.importers.diffs import Change, TooLong, compared, parsed
from clients.importers.sight import Sight

LINES = st.lists(st.sampled_from(["a", "b", "", "  c", "- d", "+++ e", "@@ -1 +1 @@", "\u2028f"]), max_size=30)


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("repository")
    subprocess.run(["git", "init", "-q", str(folder)], check=True)
    return folder


def applied(repository: Path, before: str | None, change: Change) -> str:
    """What git makes of the file with all diffs of a change, one after the other."""
    file = repository / "x.py"
    file.unlink(missing_ok=True)
    if before is not None:
        file.write_text(before, newline="")
    for diff in change.diffs("x.py"):
        command = ["git", "apply", "--whitespace=nowarn", "-"]
        subprocess.run(command, input=diff.encode(), cwd=repository, check=True, capture_output=True)
    return file.read_bytes().decode()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(LINES, LINES, st.sampled_from(["", "\n"]), st.sampled_from(["", "\n"]))
def test_git_makes_the_text_afterwards_of_the_one_before(
    repository: Path, old: list[str], new: list[str], old_end: str, new_end: str
) -> None:
    before, after = "\n".join(old) + old_end, "\n".join(new) + new_end
    change = Change("x.py", compared(before, after))
    if not after or not before:
        return  # git deletes a file that a diff empties
    assert applied(repository, before, change) == after
    assert all(parsed(diff) == change.hunks for diff in change.diffs("x.py"))


def test_long_changes_are_cut_into_diffs_that_apply_one_after_the_other(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(diffs, "LONGEST_DIFF_BYTES", 200)
    lines = [f"line {number}" for number in range(400)]
    changed = [f"{line}!" if number % 40 == 7 else line for number, line in enumerate(lines)]
    changed[100:100] = ["new", "newer"]
    before, after = "\n".join(lines), "\n".join(changed) + "\n"
    change = Change("x.py", compared(before, after))
    assert len(list(change.diffs("x.py"))) > 3
    assert applied(repository, before, change) == after
    created = Change("x.py", compared("", after), created=True)
    assert len(list(created.diffs("x.py"))) > 10
    assert applied(repository, None, created) == after


def test_what_cannot_be_cut_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(diffs, "LONGEST_DIFF_BYTES", 20)
    with pytest.raises(TooLong):
        list(Change("x.py", compared("a\n", "b" * 99)).diffs("x.py"))


def test_files_of_many_lines_are_compared_in_no_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(diffs, "MOST_COMPARED_LINES", 5)
    before, after = "".join(f"{n}\n" for n in range(20)), "".join(f"{n}\n" for n in [*range(5), "x", *range(15, 20)])
    [hunk] = compared(before, after)
    assert (hunk.old, hunk.length("+"), hunk.length("-")) == (2, 16, 7)


def test_a_view_tells_where_a_replaced_text_is_and_forgets_what_a_command_changes() -> None:
    sight = Sight()
    sight.see("/r/a.py", {5: "x = 1", 6: "y = 2", 7: "z"})
    change = sight.replaced("/r/a.py", "y = 2", "y = 3\nw = 4")
    assert (change.how, [hunk.text() for hunk in change.hunks]) == (
        "",
        ["@@ -5,3 +5,4 @@\n x = 1\n-y = 2\n+y = 3\n+w = 4\n z\n"],
    )
    assert sight.files["/r/a.py"][8] == "z"
    sight.forget("sed -i s/x/y/ src/a.py")
    assert sight.replaced("/r/a.py", "y = 3", "y").how
    sight.see("/r/b.py", {1: "x"})
    sight.forget("git checkout .")
    assert sight.files == {}


def test_a_text_that_is_there_twice_has_no_known_place() -> None:
    sight = Sight({"a": {1: "x", 2: "x"}})
    assert sight.replaced("a", "x", "y").how


def test_an_insertion_has_the_lines_around_it() -> None:
    change = Sight().inserted("a", 2, "new", shown="\n".join(f"  {n}\tline {n}" for n in (1, 2, 3, 4)))
    assert [hunk.text() for hunk in change.hunks] == ["@@ -1,3 +1,4 @@\n line 1\n line 2\n+new\n line 4\n"]
