"""A commit becomes a session that leads to the commit's own tree, or is refused in a line."""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path

import pytest

from clients.importers import commit_session
from clients.importers.formats import NotThisFormat
from clients.recorded import Session
from schemas.events import EVENT_ADAPTER
from tests.support.sandbox import FIXED, START, Repository, make_repository

AUTHOR = {"GIT_AUTHOR_DATE": "1700000000 +0200", "GIT_COMMITTER_DATE": "1800000000 +0000"}
MESSAGE = "Add adds\n\nIt subtracted, because of a typing error.\n"


def git(folder: Path, *arguments: str) -> bytes:
    named = ("-c", "user.name=Anna Author", "-c", "user.email=anna@example.com")
    environment = {"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", **AUTHOR}
    command = ["git", *named, *arguments]
    return subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True).stdout


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return make_repository(tmp_path / "calc", START)


def commit(repository: Repository, files: dict[str, bytes | None], message: str = MESSAGE) -> None:
    """Commit these contents; None: the file goes."""
    for name, content in files.items():
        path = repository.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink() if content is None else path.write_bytes(content)
    git(repository.folder, "add", "-A")
    git(repository.folder, "commit", "-q", "--allow-empty", "-m", message)


def imported(repository: Repository, revision: str = "HEAD") -> Session:
    return commit_session(revision, repository.folder)


def applied(repository: Repository, session: Session, elsewhere: Path) -> str:
    """The tree that the session's edits make of its workspace, each buffer's digest checked."""
    assert session.workspace is not None
    (elsewhere / "in.bundle").write_bytes(session.workspace)
    git(elsewhere, "init", "-q")
    git(elsewhere, "bundle", "unbundle", "in.bundle")
    git(elsewhere, "read-tree", str(session.trace.start_commit))
    for event in (event for event in session.events if event["type"] == "file_edit"):
        (elsewhere / "in.patch").write_bytes(event["diff_unified"].encode())
        git(elsewhere, "apply", "--cached", "--whitespace=nowarn", "in.patch")
        if digest := event.get("buffer_hash_after"):
            content = git(elsewhere, "cat-file", "blob", f":{event['file_path']}")
            assert digest == f"sha256:{hashlib.sha256(content).hexdigest()}"
    return git(elsewhere, "write-tree").decode()


def test_a_fix_is_told_with_its_reason_its_edits_and_itself(repository: Repository) -> None:
    commit(repository, {"calc.py": FIXED.encode()})
    session = imported(repository)
    id = git(repository.folder, "rev-parse", "HEAD").decode().strip()
    trace = session.trace
    assert (trace.start_commit, trace.repo_origin, trace.task_id) == (repository.commit, "calc", f"calc@{id[:12]}")
    assert (trace.participant_id, trace.task_title) == ("git:Anna Author", "Add adds")
    assert trace.task_description == "It subtracted, because of a typing error."
    note, edit, made = session.events
    assert note["text"] == MESSAGE.strip()
    assert (edit["file_path"], edit["caused_by"]) == ("calc.py", [note["id"]])
    assert (made["sha"], made["parents"], made["caused_by"]) == (id, [repository.commit], [edit["id"]])
    assert made["diff_unified"] == edit["diff_unified"]
    assert [event["ts_client_us"] for event in session.events] == [
        1_699_999_998_000_000,
        1_699_999_999_000_000,
        1_700_000_000_000_000,
    ]
    assert imported(repository) == session


HARD: dict[str, bytes | None] = {
    "calc.py": None,
    "moved/calc.py": FIXED.encode(),
    "data.bin": bytes(range(256)) * 40,
    "empty": b"",
    "no newline": b"one\r\ntwo",
    'name with \xe9 and "quotes".txt': b"x\n",
    "tests/test_calc.py": START["tests/test_calc.py"].replace("\n", "\r\n").encode(),
}


def test_the_edits_of_a_hard_commit_lead_to_its_own_tree(repository: Repository, tmp_path: Path) -> None:
    commit(repository, HARD)
    (repository.folder / "empty").unlink()
    (repository.folder / "empty").symlink_to("calc.py")
    (repository.folder / "moved/calc.py").chmod(0o755)
    commit(repository, {})
    for revision in ("HEAD~1", "HEAD"):
        session = imported(repository, revision)
        (elsewhere := tmp_path / revision.replace("~", "-")).mkdir()
        tree = git(repository.folder, "rev-parse", f"{revision}^{{tree}}").decode()
        assert applied(repository, session, elsewhere) == tree
        for event in session.events:
            EVENT_ADAPTER.validate_python(event)


def test_the_users_own_diff_configuration_changes_nothing(repository: Repository) -> None:
    commit(repository, {"calc.py": FIXED.encode()})
    before = imported(repository)
    for name, value in {"diff.noprefix": "true", "diff.external": "false", "log.showSignature": "true"}.items():
        git(repository.folder, "config", name, value)
    assert imported(repository) == before


@pytest.mark.parametrize(
    "secret", ["https://anna:hunter2@example.com/team/calc.git", "https://example.com/team/calc.git"]
)
def test_the_address_of_the_repository_has_no_password(repository: Repository, secret: str) -> None:
    commit(repository, {"calc.py": FIXED.encode()})
    git(repository.folder, "remote", "add", "origin", secret)
    trace = imported(repository).trace
    assert trace.repo_origin == "https://example.com/team/calc.git"
    assert trace.task_id.startswith("calc@")


def test_a_long_diff_is_in_its_edits_only(repository: Repository) -> None:
    commit(repository, {f"part{n}.txt": b"line of text\n" * 3000 for n in range(2)})
    *_, made = imported(repository).events
    assert "diff_unified" not in made


def refused(repository: Repository, revision: str) -> str:
    with pytest.raises(NotThisFormat) as refusal:
        imported(repository, revision)
    return str(refusal.value)


def test_what_is_no_single_change_is_refused(repository: Repository) -> None:
    assert "has no parent" in refused(repository, "HEAD")
    assert "no commit nowhere" in refused(repository, "nowhere")
    commit(repository, {})
    assert "changes no file" in refused(repository, "HEAD")
    commit(repository, {"calc.py": b"# caf\xe9\n"})
    assert "calc.py' is not in UTF-8" in refused(repository, "HEAD")
    git(repository.folder, "checkout", "-q", "-b", "side", repository.commit)
    commit(repository, {"side.txt": b"x\n"})
    git(repository.folder, "merge", "-q", "--no-ff", "main")
    assert "is a merge" in refused(repository, "HEAD")
