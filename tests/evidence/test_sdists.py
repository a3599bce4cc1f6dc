"""What comes from the package index is what its digest says, and nothing of it is ever run."""

from __future__ import annotations

import hashlib
import io
import tarfile
from pathlib import Path

import pytest

from tests.evidence.sdists import Unfetched, sdist, unpack

METADATA = "Metadata-Version: 2.1\nName: told\nVersion: 1.0\n"
FILES = {
    "setup.py": "open({ran!r}, 'w').close()\nraise SystemExit(1)\n",
    "PKG-INFO": METADATA,
    "told/__init__.py": "",
    "told.egg-info/PKG-INFO": METADATA,
}
BACKEND = '[build-system]\nrequires = []\nbuild-backend = "{backend}"\n'


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in place of the package index."""
    folder = tmp_path / "index"
    folder.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


def publish(index: Path, files: dict[str, str]) -> str:
    """Put a distribution into the index; its digest."""
    target = index / "told-1.0.tar.gz"
    with tarfile.open(target, "w:gz") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(f"told-1.0/{name}")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content.encode()))
    return hashlib.sha256(target.read_bytes()).hexdigest()


@pytest.mark.parametrize("backend", [None, "setuptools.build_meta", "flit_core.buildapi", "hatchling.build"])
def test_a_distribution_is_fetched_and_none_of_its_code_runs(index: Path, tmp_path: Path, backend: str | None) -> None:
    ran = tmp_path / "ran"
    settings = {"pyproject.toml": BACKEND.format(backend=backend)} if backend else {}
    sha256 = publish(index, {**FILES, **settings, "setup.py": FILES["setup.py"].format(ran=str(ran))})
    archive = sdist("told", "1.0", sha256, tmp_path / "cache")
    assert hashlib.sha256(archive.read_bytes()).hexdigest() == sha256
    assert not ran.exists()
    assert list((tmp_path / "cache").iterdir()) == [archive]


def test_a_cached_distribution_is_used_only_with_its_digest(index: Path, tmp_path: Path) -> None:
    sha256 = publish(index, FILES)
    archive = sdist("told", "1.0", sha256, tmp_path)
    (index / archive.name).rename(index / "hidden")
    assert sdist("told", "1.0", sha256, tmp_path) == archive
    archive.write_bytes(b"damaged")
    with pytest.raises(Unfetched, match=r"told==1\.0"):
        sdist("told", "1.0", sha256, tmp_path)


def test_another_content_than_the_digest_says_is_refused(index: Path, tmp_path: Path) -> None:
    publish(index, FILES)
    with pytest.raises(Unfetched, match=r"told==1\.0: ERROR: THESE PACKAGES DO NOT MATCH"):
        sdist("told", "1.0", hashlib.sha256(b"another").hexdigest(), tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []


def test_what_packaging_added_is_left_out(index: Path, tmp_path: Path) -> None:
    publish(index, FILES)
    unpack(index / "told-1.0.tar.gz", tmp_path / "tree")
    found = {path.relative_to(tmp_path / "tree").as_posix() for path in (tmp_path / "tree").rglob("*")}
    assert found == {"setup.py", "told", "told/__init__.py"}
