"""Whatever a diff does, the tree under test is the one that git itself would have made, or it is said why not."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from pipeline.canonical import digest
from sandbox.checkout import MIRROR, Prepared, prepare, variants
from sandbox.failures import NoVerdict
from sandbox.job import Job
from sandbox.patching import patches_of
from sandbox.spec import Limits
from sandbox.workspace import pack_objects
from tests.support.local_environment import LocalEnvironment
from tests.support.sandbox import commit, edits, git, make_repository

LIMITS = Limits(run_timeout_s=20, memory_bytes=1, pids=1)
LINES = "".join(f"line {number}\n" for number in range(1, 40))
LATIN_1 = "na\u00efve = 1\n".encode("latin-1")
STRANGE = os.fsdecode(b"caf\xe9.py")


@dataclass
class Lab:
    """A repository with one commit, and what becomes of diffs on top of it."""

    folder: Path
    start: str
    environment: LocalEnvironment

    async def apply(self, *events: Mapping[str, Any]) -> Prepared:
        """The tree after these events."""
        numbered = [{"seq": seq, "type": "commit", **event} for seq, event in enumerate(events)]
        workspace = {MIRROR: pack_objects(self.folder / ".git/objects", 10**8)}
        return await prepare(
            self.environment, Job(workspace=workspace, commit=self.start, patches=patches_of(numbered)), (), LIMITS
        )

    async def reason(self, *events: Mapping[str, Any]) -> str:
        """Why there is no tree."""
        with pytest.raises(NoVerdict) as refused:
            (await self.apply(*events)).refuse_unlike()
        assert refused.value.outcome.verdict == "unverifiable"
        return str(refused.value.outcome.reason)


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    start = {"calc.py": LINES, "docs/read me.txt": "one\ntwo", "empty.py": "", "tool.sh": "#!/bin/sh\n", "win.txt": ""}
    repository = make_repository(tmp_path / "calc", start)
    (repository.folder / "win.txt").write_bytes(LINES.replace("\n", "\r\n").encode())
    (repository.folder / "latin.py").write_bytes(LATIN_1)
    (repository.folder / "bom.py").write_bytes(b"\xef\xbb\xbfone = 1\ntwo = 2\n")
    (repository.folder / "data.bin").write_bytes(bytes(range(256)) * 20)
    (repository.folder / "link").symlink_to("calc.py")
    return Lab(repository.folder, commit(repository.folder), LocalEnvironment(tmp_path / "workspace"))


def text(old: str, new: str, name: str = "calc.py") -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        content = (folder / name).read_bytes()
        assert old.encode() in content
        (folder / name).write_bytes(content.replace(old.encode(), new.encode(), 1))

    return change


def made(name: str, content: bytes) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)

    return change


def linked(name: str, target: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        (folder / name).unlink(missing_ok=True)
        (folder / name).symlink_to(target)

    return change


CHANGES: dict[str, Callable[[Path], Any]] = {
    "one line": text("line 7\n", "seven\n"),
    "whole file": made("calc.py", b"nothing is as it was\n"),
    "deleted": lambda folder: (folder / "calc.py").unlink(),
    "renamed": lambda folder: (folder / "calc.py").rename(folder / "sums.py"),
    "copied": lambda folder: (folder / "copy.py").write_text((folder / "calc.py").read_text() + "more\n"),
    "mode": lambda folder: (folder / "tool.sh").chmod(0o755),
    "new empty file": made("pkg/__init__.py", b""),
    "emptied": made("calc.py", b""),
    "filled": made("empty.py", b"one\n"),
    "deleted empty file": lambda folder: (folder / "empty.py").unlink(),
    "carriage returns": text("line 7\r\n", "seven\r\n", "win.txt"),
    "carriage returns away": made("win.txt", LINES.encode()),
    "newline at the end": made("docs/read me.txt", b"one\ntwo\n"),
    "no newline at the end": text("line 39\n", "line 39"),
    "byte order mark": text("one = 1", "one = 11", "bom.py"),
    "byte order mark away": made("bom.py", b"one = 1\ntwo = 2\n"),
    "binary": made("data.bin", bytes(range(256)) * 19 + b"end"),
    "new binary": made("new.bin", os.urandom(300)),
    "space in the name": made("docs/read me.txt", b"three\n"),
    "quoted name": made('say "hi"\t\u00fc.py', b"x = 1\n"),
    "name that is no UTF-8": made(STRANGE, b"x = 1\n"),
    "deep": made("/".join(["deep"] * 200) + "/x.py", b"x = 1\n"),
    "names that differ by case": made("CALC.py", b"x = 1\n"),
    "symbolic link": linked("other", "../../../etc/passwd"),
    "link moved": linked("link", "tool.sh"),
    "file becomes a link": linked("tool.sh", "calc.py"),
    "form feed": text("line 7\n", "line\x0c7\x85\u2028\n"),
    "huge": made("huge.py", b"x = 1  # a line of about forty bytes, again\n" * 200_000),
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("options", [["-U0"], ["--no-prefix", "-M", "-C", "--find-copies-harder"]], ids=str)
async def test_what_git_writes_leads_to_the_same_tree(lab: Lab, change: str, options: list[str]) -> None:
    CHANGES[change](lab.folder)
    end = commit(lab.folder)
    diff = git(lab.folder, "diff", "--binary", *options, lab.start, end).decode(errors="surrogateescape")
    prepared = await lab.apply({"diff_unified": diff})
    assert prepared.final.encode() == git(lab.folder, "rev-parse", f"{end}^{{tree}}").strip()
    assert lab.environment.git("cat-file", "-t", prepared.final) == b"tree\n"
    changed = git(lab.folder, "diff", "--no-renames", "--name-only", "-z", lab.start, end).split(b"\0")[:-1]
    assert [path.path for path in prepared.touched] == changed


async def test_a_mail_s_greeting_and_signature_are_no_part_of_its_diff(lab: Lab) -> None:
    CHANGES["one line"](lab.folder)
    end = commit(lab.folder)
    mail = git(lab.folder, "format-patch", "--stdout", "-1").decode() + "\ntrailing words\n"
    assert (await lab.apply({"diff_unified": mail})).final.encode() == git(
        lab.folder, "rev-parse", f"{end}^{{tree}}"
    ).strip()


HUNK = "@@ -1,2 +1,2 @@\n line 1\n-line 2\n+two\n"
OUTSIDE = [
    "../calc.py",
    "/etc/passwd",
    "a/../../calc.py",
    ".git/config",
    ".GIT/hooks/x",
    "x/.git/y",
    "git~1/x",
    ".g\u200cit/x",
]


@pytest.mark.parametrize("path", OUTSIDE)
async def test_no_path_leads_out_of_the_tree_or_into_git_s_own_folder(lab: Lab, path: str) -> None:
    for diff in (
        f"--- /dev/null\n+++ b/{path}\n@@ -0,0 +1 @@\n+x = 1\n",
        f"diff --git a/{path} b/{path}\nnew file mode 100644\n--- /dev/null\n+++ b/{path}\n@@ -0,0 +1 @@\n+x = 1\n",
        f"diff --git a/calc.py b/{path}\nsimilarity index 100%\nrename from calc.py\nrename to {path}\n",
    ):
        assert await lab.reason({"diff_unified": diff}) == "patch_does_not_apply"
        lab.environment = LocalEnvironment(lab.environment.folder / "again")


@pytest.mark.parametrize(
    "diff",
    [
        "words\n",
        "--- a/calc.py\n+++ b/calc.py\n",
        "Binary files a/data.bin and b/data.bin differ\n",
        "diff --git a/data.bin b/data.bin\nBinary files a/data.bin and b/data.bin differ\n",
        "--- a/calc.py\n+++ b/calc.py\n@@ -1,9 +1,9 @@\n line 1\n",
        "--- a/calc.py\n+++ b/calc.py\n@@ -1 +1 @@\n-no such line\n+x\n",
        "--- a/latin.py\n+++ b/latin.py\n@@ -1 +1 @@\n-na\ufffdve = 1\n+x = 1\n",
        "--- a/none.py\n+++ b/none.py\n@@ -1 +1 @@\n-x\n+y\n",
        "--- a/calc.py\n+++ b/calc.py\n@@ -1 +1 @@\n-line 1\n+\ud800\n",
        "--- a/link\n+++ b/link\n@@ -1 +1 @@\n-line 1\n+x\n",
    ],
    ids=range(10),
)
async def test_what_is_no_diff_of_these_files_does_not_apply(lab: Lab, diff: str) -> None:
    assert await lab.reason({"diff_unified": diff}) == "patch_does_not_apply"


async def test_nothing_is_written_through_a_link(lab: Lab) -> None:
    link = "diff --git a/out b/out\nnew file mode 120000\n--- /dev/null\n+++ b/out\n@@ -0,0 +1 @@\n+/tmp\n"
    through = "--- /dev/null\n+++ b/out/x.py\n@@ -0,0 +1 @@\n+x = 1\n"
    assert await lab.reason({"diff_unified": link}, {"diff_unified": through}) == "patch_does_not_apply"
    lab.environment = LocalEnvironment(lab.environment.folder / "again")
    assert await lab.reason({"diff_unified": link + through}) == "patch_does_not_apply"


async def test_a_submodule_that_moves_cannot_be_tested(lab: Lab) -> None:
    one, two = "1" * 40, "2" * 40
    git(lab.folder, "update-index", "--add", "--cacheinfo", f"160000,{one},vendor")
    git(lab.folder, "commit", "-q", "-m", "Submodule")
    lab.start = git(lab.folder, "rev-parse", "HEAD").decode().strip()
    fixed = {"diff_unified": f"--- a/calc.py\n+++ b/calc.py\n{HUNK}"}
    assert [path.path for path in (await lab.apply(fixed)).touched] == [b"calc.py"]
    moved = f"diff --git a/vendor b/vendor\nindex {one}..{two} 160000\n--- a/vendor\n+++ b/vendor\n"
    moved += f"@@ -1 +1 @@\n-Subproject commit {one}\n+Subproject commit {two}\n"
    lab.environment = LocalEnvironment(lab.environment.folder / "again")
    assert await lab.reason({"diff_unified": moved}) == "submodule_changed"


@pytest.mark.parametrize(
    ("file_path", "diff"),
    [
        ("calc.py", HUNK),
        ("./calc.py", HUNK),
        ("calc.py", "\ufeff--- a/calc.py\n+++ b/calc.py\n" + HUNK),
        ("calc.py", "--- calc.py\n+++ calc.py\n" + HUNK),
        ("calc.py", ("--- a/calc.py\n+++ b/calc.py\n" + HUNK).replace("\n", "\r\n")),
        ("calc.py", ("diff --git a/calc.py b/calc.py\n--- a/calc.py\n+++ b/calc.py\n" + HUNK).replace("\n", "\r\n")),
        ("calc.py", "--- a/calc.py\n+++ b/calc.py\n@@ -2 +2 @@\n-line 2\n+two\n"),
        ("calc.py", "--- a/calc.py\n+++ b/calc.py\n" + HUNK + "\n-- \n2.39.5\n"),
        ("win.txt", "--- a/win.txt\n+++ b/win.txt\n" + HUNK),
        ("win.txt", HUNK),
    ],
    ids=range(10),
)
async def test_editors_spellings_lead_to_the_same_file(lab: Lab, file_path: str, diff: str) -> None:
    event = {"type": "file_edit", "file_path": file_path, "diff_unified": diff}
    prepared = await lab.apply(event)
    name = file_path.removeprefix("./")
    content = lab.environment.git("cat-file", "blob", f"{prepared.final}:{name}")
    assert content == (lab.folder / name).read_bytes().replace(b"line 2", b"two", 1)


async def test_a_path_of_windows_names_the_same_file(lab: Lab) -> None:
    event = {"type": "file_edit", "file_path": "docs\\new.txt", "diff_unified": "@@ -0,0 +1 @@\n+x\n"}
    assert [path.path for path in (await lab.apply(event)).touched] == [b"docs/new.txt"]


async def test_a_new_empty_file_needs_no_hunk(lab: Lab) -> None:
    event = {"type": "file_edit", "file_path": "pkg/new.py", "diff_unified": "--- /dev/null\n+++ b/pkg/new.py\n"}
    assert [path.path for path in (await lab.apply(event)).touched] == [b"pkg/new.py"]


async def test_a_folder_may_become_a_file_and_a_file_a_folder(lab: Lab) -> None:
    for name in ("docs/read me.txt", "calc.py"):
        (lab.folder / name).unlink()
    (lab.folder / "docs").rmdir()
    for name in ("docs", "calc.py/__init__.py"):
        made(name, b"x = 1\n")(lab.folder)
    end = commit(lab.folder)
    diff = git(lab.folder, "diff", lab.start, end).decode()
    prepared = await lab.apply({"diff_unified": diff})
    trees = await variants(lab.environment, prepared.base, prepared.touched, (), LIMITS)
    assert trees["trace_after"] == prepared.final == git(lab.folder, "rev-parse", f"{end}^{{tree}}").decode().strip()
    assert trees["original_before"] == prepared.base


async def test_a_source_file_where_the_tests_are_cannot_be_had_without_them(lab: Lab) -> None:
    made("pkg/tests/test_x.py", b"x = 1\n")(lab.folder)
    lab.start = commit(lab.folder)
    (lab.folder / "pkg/tests/test_x.py").unlink()
    (lab.folder / "pkg/tests").rmdir()
    (lab.folder / "pkg").rmdir()
    made("pkg", b"x = 1\n")(lab.folder)
    diff = git(lab.folder, "diff", lab.start, commit(lab.folder)).decode()
    assert await lab.reason({"diff_unified": diff}) == "tests_displaced"


def edit(number: int, before: str, after: str, claimed: bytes | None, **more: Any) -> dict[str, Any]:
    event = {"seq": number, "type": "file_edit", "file_path": "calc.py", **more}
    event["diff_unified"] = edits({"calc.py": before}, {"calc.py": after})[0]["diff_unified"]
    return event if claimed is None else event | {"buffer_hash_after": digest(claimed)}


NEXT, LAST = LINES.replace("line 5\n", "five\n"), LINES.replace("line 5\n", "5\n")


async def test_each_buffer_is_compared_with_the_file_after_its_edit(lab: Lab) -> None:
    right = [edit(3, LINES, NEXT, NEXT.encode()), edit(4, NEXT, LAST, LAST.replace("\n", "\r\n").encode())]
    prepared = await lab.apply(*right)
    assert [(patch.seq, state) for patch, state in prepared.compared] == [(3, "same"), (4, "same")]
    assert {name: fact for name, fact in prepared.facts().items() if "buffers" in name} == {
        "buffers_same": "2",
        "buffers_different": "0",
        "buffers_absent": "0",
        "buffers_differing": "",
    }
    prepared.refuse_unlike()


async def test_what_the_diffs_do_not_lead_to_is_no_ground_for_a_verdict(lab: Lab) -> None:
    wrong = [edit(3, LINES, NEXT, NEXT.encode()), edit(4, NEXT, LAST, b"another\n")]
    prepared = await lab.apply(*wrong)
    assert prepared.facts()["buffers_differing"] == "event 4 (calc.py)"
    with pytest.raises(NoVerdict, match=r"event 4 \(calc\.py\)") as refused:
        prepared.refuse_unlike()
    assert refused.value.outcome.reason == "buffer_mismatch"


async def test_a_buffer_that_a_later_edit_put_right_is_noted_only(lab: Lab) -> None:
    prepared = await lab.apply(edit(3, LINES, NEXT, b"not yet saved\n"), edit(4, NEXT, LAST, LAST.encode()))
    assert (prepared.facts()["buffers_different"], prepared.facts()["buffers_same"]) == ("1", "1")
    prepared.refuse_unlike()


async def test_a_buffer_without_a_file_has_nothing_to_be_compared_with(lab: Lab) -> None:
    gone = {"seq": 0, "type": "file_edit", "file_path": "empty.py", "buffer_hash_after": digest(b"")}
    gone["diff_unified"] = "diff --git a/empty.py b/empty.py\ndeleted file mode 100644\nindex e69de29..0000000\n"
    prepared = await lab.apply(gone)
    assert [state for _, state in prepared.compared] == ["absent"]
    prepared.refuse_unlike()


async def test_the_final_tree_is_what_anybody_gets_with_git(lab: Lab) -> None:
    events = [edit(0, LINES, NEXT, None), edit(1, NEXT, LAST, None)]
    prepared = await lab.apply(*events)
    git(lab.folder, "checkout", "-q", "--detach", lab.start)
    for event in events:
        git(lab.folder, "apply", "--index", "-", data=event["diff_unified"].encode())
    assert git(lab.folder, "write-tree").decode().strip() == prepared.final
    assert prepared.facts()["tree_start"] == git(lab.folder, "rev-parse", "HEAD^{tree}").decode().strip()
