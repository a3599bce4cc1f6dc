"""Source distributions from the package index that pip is configured for: held to their digests, never built or run."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Mapping
from pathlib import Path

from tests.evidence.unbuilt import stand_in

DEADLINE_S = 120
# what packaging has added to the files of the repository
_GENERATED = ("PKG-INFO", "*.egg-info")


class Unfetched(Exception):
    """A distribution cannot be had; the text says why, in one line."""


def sdist(package: str, version: str, sha256: str, cache: Path) -> Path:
    """The distribution's file, below `cache`, fetched where it is not there. Raises Unfetched."""
    target = cache / f"{package}-{version}.tar.gz"
    if not (target.is_file() and hashlib.sha256(target.read_bytes()).hexdigest() == sha256):
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache) as folder:
            _download(f"{package}=={version} --hash=sha256:{sha256}", Path(folder))
            os.replace(next(Path(folder, "out").glob("*.tar.gz")), target)
    return target


def _download(requirement: str, folder: Path) -> None:
    (folder / "backends").mkdir()
    stand_in(folder / "backends")
    (folder / "wanted").write_text(requirement)
    command = [sys.executable, "-m", "pip", "download", "-q", "--disable-pip-version-check", "--require-hashes"]
    unbuilt = ["--no-deps", "--no-binary=:all:", "--use-pep517", "--no-build-isolation"]
    files = ["-r", str(folder / "wanted"), "-d", str(folder / "out")]
    try:
        subprocess.run(
            [*command, *unbuilt, *files],
            env=_environment(os.environ, folder / "backends"),
            check=True,
            capture_output=True,
            text=True,
            timeout=DEADLINE_S,
        )
    except subprocess.CalledProcessError as failed:
        lines = [line for line in failed.stderr.splitlines() if line.startswith("ERROR")]
        raise Unfetched(f"{requirement.split()[0]}: {(lines or ['pip failed'])[0]}") from failed
    except subprocess.TimeoutExpired as late:
        raise Unfetched(f"{requirement.split()[0]}: pip did not end within {DEADLINE_S} s") from late


def _environment(environ: Mapping[str, str], backends: Path) -> dict[str, str]:
    return {**environ, "PYTHONPATH": str(backends)}


def unpack(archive: Path, folder: Path) -> None:
    """The files that the distribution shares with its repository, into `folder`. Nothing of it is run."""
    with tempfile.TemporaryDirectory() as scratch, tarfile.open(archive) as tar:
        tar.extractall(scratch, filter="data")
        (root,) = Path(scratch).iterdir()
        for path in sorted(root.rglob("*")):
            relative = path.relative_to(root)
            if path.is_file() and not any(part.match(name) for part in _parts(relative) for name in _GENERATED):
                (folder / relative).parent.mkdir(parents=True, exist_ok=True)
                (folder / relative).write_bytes(path.read_bytes())


def _parts(path: Path) -> list[Path]:
    return [Path(part) for part in path.parts]
