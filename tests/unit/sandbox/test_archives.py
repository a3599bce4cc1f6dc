"""An uploaded tar or zip file is the tree that git would have made of its files, or it is refused."""

from __future__ import annotations

import io
import subprocess
import tarfile
import zipfile
from pathlib import Path

import pytest

from pipeline.canonical import digest
from pipeline.objectstore import FolderStore
from sandbox.checkout import ARCHIVE, Prepared, prepare
from sandbox.failures import NoVerdict
from sandbox.job import Job
from sandbox.spec import MIB, Limits
from sandbox.workspace import find_workspace
from tests.support.local_environment import LocalEnvironment
from tests.support.sandbox import START, Repository, assembled, commit, git, make_repository, workspace_key

LIMITS = Limits(run_timeout_s=20, memory_bytes=1, pids=1, repository_bytes=3 * MIB)
FORMATS = {"tar": ["--format=tar"], "tar.gz": ["--format=tar.gz"], "zip": ["--format=zip"]}
FORMATS |= {f"{name} below a folder": [*options, "--prefix=calc-1.0/"] for name, options in FORMATS.items()}


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    made = make_repository(tmp_path / "calc", START)
    (made.folder / "tool.sh").write_text("#!/bin/sh\n")
    (made.folder / "tool.sh").chmod(0o755)
    (made.folder / "link").symlink_to("calc.py")
    (made.folder / 'a "b"\\ \u00fc.py').write_text("")
    return Repository(made.folder, commit(made.folder))


async def prepared(archive: bytes, start: str, folder: Path) -> Prepared:
    """What becomes of an archive."""
    job = Job(workspace={ARCHIVE: archive}, commit=start, patches=())
    return await prepare(LocalEnvironment(folder / "workspace"), job, (), LIMITS)


def whole(folder: Path) -> bytes:
    """The folder with its repository, as somebody packs it."""
    return subprocess.run(["tar", "-czf", "-", "."], cwd=folder, capture_output=True, check=True).stdout


def tar(*members: tuple[tarfile.TarInfo, bytes]) -> bytes:
    """A tar file of these members."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for member, content in members:
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return packed.getvalue()


@pytest.mark.parametrize("kind", FORMATS)
async def test_an_archive_is_the_tree_that_it_was_made_of(repository: Repository, tmp_path: Path, kind: str) -> None:
    tree = git(repository.folder, "rev-parse", "HEAD^{tree}").decode().strip()
    archive = git(repository.folder, "archive", *FORMATS[kind], "HEAD")
    for number, start in enumerate(("", tree)):
        made = await prepared(archive, start, tmp_path / str(number))
        assert made.base == made.final == tree


async def test_an_archive_is_no_proof_of_a_commit(repository: Repository, tmp_path: Path) -> None:
    archive = git(repository.folder, "archive", "--format=tar", "HEAD")
    with pytest.raises(NoVerdict) as refused:
        await prepared(archive, repository.commit, tmp_path)
    assert refused.value.outcome.reason == "no_start_commit"


@pytest.mark.parametrize("packed", [False, True])
async def test_an_archived_repository_has_its_commits(repository: Repository, tmp_path: Path, packed: bool) -> None:
    if packed:
        git(repository.folder, "gc", "-q")
    archive = whole(repository.folder)
    made = await prepared(archive, repository.commit, tmp_path)
    assert made.base == git(repository.folder, "rev-parse", "HEAD^{tree}").decode().strip()


async def test_an_object_with_another_s_name_is_refused(repository: Repository, tmp_path: Path) -> None:
    path = next(path for path in repository.objects.glob("??/*") if path.stat().st_size)
    other = next(other for other in repository.objects.glob("??/*") if other != path)
    path.chmod(0o644)
    path.write_bytes(other.read_bytes())
    archive = whole(repository.folder)
    with pytest.raises(NoVerdict, match="has the content of") as refused:
        await prepared(archive, repository.commit, tmp_path)
    assert refused.value.outcome.reason == "bad_workspace"


def _member(name: str, kind: bytes = tarfile.REGTYPE, target: str = "") -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, target
    return member


HOSTILE = {
    "above": tar((_member("../x.py"), b"x")),
    "absolute": tar((_member("/etc/x.py"), b"x")),
    "git's folder": tar((_member("x/.GIT/config"), b"x")),
    "device": tar((_member("null", tarfile.CHRTYPE), b"")),
    "pipe": tar((_member("pipe", tarfile.FIFOTYPE), b"")),
    "link to nothing": tar((_member("x", tarfile.LNKTYPE, "/etc/passwd"), b"")),
    "too large": tar((_member("x"), bytes(2 * MIB))),
    "cut off": tar((_member("x"), b"x" * 5000))[:2000],
    "damaged": b"\x1f\x8b" + b"x" * 100,
    "empty zip": b"PK\x03\x04",
    "name of a short form": tar((_member("git~1"), b"x")),
}


@pytest.mark.parametrize("kind", HOSTILE)
async def test_what_is_no_tree_is_refused(tmp_path: Path, kind: str) -> None:
    with pytest.raises(NoVerdict) as refused:
        await prepared(HOSTILE[kind], "", tmp_path)
    assert refused.value.outcome.reason == "bad_workspace"


async def test_a_zip_that_unpacks_to_more_than_there_is_room_for_is_refused(tmp_path: Path) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("zeros", bytes(50 * MIB))
    with pytest.raises(NoVerdict, match="more than") as refused:
        await prepared(packed.getvalue(), "", tmp_path)
    assert refused.value.outcome.reason == "bad_workspace"


async def test_an_upload_is_known_by_its_first_bytes(repository: Repository, tmp_path: Path) -> None:
    store, trace = FolderStore(tmp_path / "store"), assembled("team/calc", None, [])
    for options in FORMATS.values():
        archive = git(repository.folder, "archive", *options, "HEAD")
        await store.put(workspace_key(trace, archive), archive)
        document = {"artifacts": {"w": {"kind": "workspace", "sha256": digest(archive)}}}
        assert await find_workspace(trace, document, None, store, 10**6) == {ARCHIVE: archive}
