"""Readers of exports that are too heavy for the project's own environment: a Python of their own in the cache folder.

It is made once and named after what is to be in it. Where an index is away the test is skipped with the reason.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from deploy.embedded.jars import cache_root
from tests.support.data import PROJECT
from tests.support.stack import absent

READERS = PROJECT / "tests" / "readers"
LISTS = tuple(READERS / name for name in ("requirements.txt", "bare.txt", "package.json"))
_XSD_IN, _XSD = "pytest==9.2.0", "testing/example_scripts/junit-10.xsd"
_INSTALL_S, _READ_S = 900, 300
# A reader asks no server for anything, and keeps what it converts to itself.
_OFFLINE = {
    "HF_HUB_OFFLINE": "1",
    "HF_DATASETS_OFFLINE": "1",
    "PYTHONWARNINGS": "ignore",
    "TRANSFORMERS_VERBOSITY": "error",
}


class Readers:
    """The readers, installed. `scratch` takes what they keep of what they read."""

    def __init__(self, folder: Path, scratch: Path) -> None:
        self._folder, self._scratch = folder, scratch

    def python(self, program: str, export: Path) -> Any:
        """What a program of tests/readers found in an export; AssertionError with its words where it refused it."""
        return self._read([str(self._folder / "bin" / "python"), str(READERS / f"{program}.py"), str(export)])

    def node(self, program: str, export: Path) -> Any:
        """The same for a program that runs in Node."""
        return self._read(["node", str(READERS / f"{program}.mjs"), str(export), str(self._folder / "node")])

    def _read(self, command: list[str]) -> Any:
        environment = {**os.environ, **_OFFLINE, "HF_HOME": str(self._scratch)}
        done = subprocess.run(
            command, env=environment, cwd=self._scratch, capture_output=True, text=True, timeout=_READ_S, check=False
        )
        assert done.returncode == 0, f"{Path(command[1]).name}: {done.stderr[-3000:]}"
        return json.loads(done.stdout.splitlines()[-1])


def installed(scratch: Path) -> Readers:
    """The readers, fetched first where they are not there. Skips where they cannot be had."""
    name = hashlib.sha256(b"".join(file.read_bytes() for file in LISTS) + sys.version.encode()).hexdigest()[:16]
    folder = cache_root(os.environ) / f"readers-{name}"
    with _alone(folder):
        if not (folder / "complete").exists():
            shutil.rmtree(folder, ignore_errors=True)
            _install(folder)
            (folder / "complete").touch()
    return Readers(folder, scratch)


def _install(folder: Path) -> None:
    pip = [str(folder / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", "-q"]
    _step([sys.executable, "-m", "venv", str(folder)])
    _step([*pip, "install", "-r", str(LISTS[0])])
    _step([*pip, "install", "--no-deps", "--ignore-requires-python", "-r", str(LISTS[1])])
    _step([*pip, "download", "--no-deps", "--no-binary", ":all:", "-d", str(folder / "sources"), _XSD_IN])
    [archive] = (folder / "sources").glob("*.tar.gz")
    with tarfile.open(archive) as sources:
        member = sources.extractfile(f"{archive.name.removesuffix('.tar.gz')}/{_XSD}")
        assert member is not None
        (folder / "junit-10.xsd").write_bytes(member.read())
    (folder / "node").mkdir()
    shutil.copy(LISTS[2], folder / "node")
    _step(["npm", "install", "--silent", "--prefix", str(folder / "node")])


def _step(command: list[str]) -> None:
    try:
        subprocess.run(command, capture_output=True, text=True, timeout=_INSTALL_S, check=True)
    except subprocess.CalledProcessError as failed:
        absent(f"readers of exports cannot be installed: {(failed.stderr or failed.stdout).strip().splitlines()[-1:]}")
    except (OSError, subprocess.TimeoutExpired) as failed:
        absent(f"readers of exports cannot be installed: {failed}")


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
