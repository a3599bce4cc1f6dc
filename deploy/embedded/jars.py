"""Finds the jars of an embedded Java server, fetching them once with Maven.

A server's pom is the only place that names its versions; the cache folder is named after the pom's own artifact and
version, so a changed version is fetched anew and an old one is never mixed in. A folder in the cache is complete or
absent: Maven writes beside it and one atomic rename publishes the result, also when two processes fetch at once.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from xml.etree import ElementTree

_POM_NAMESPACE = "{http://maven.apache.org/POM/4.0.0}"
_COPY_GOAL = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies"
_FETCH_DEADLINE_S = 600


class JarsUnavailable(Exception):
    """The jars are not there and cannot be fetched; the text says what is missing."""


def cache_root(environ: Mapping[str, str]) -> Path:
    """`$XDG_CACHE_HOME/pr-telemetry`, by default under ~/.cache."""
    return Path(environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "pr-telemetry"


def cache_folder(pom: Path, environ: Mapping[str, str]) -> Path:
    """Where the jars of `pom` belong: `<artifact>-<version>` below the cache root."""
    root = ElementTree.parse(pom).getroot()
    artifact, version = (root.findtext(f"{_POM_NAMESPACE}{tag}") for tag in ("artifactId", "version"))
    return cache_root(environ) / f"{artifact}-{version}"


def launcher_arguments(program: str, purpose: str | None, pom: Path, data_dir: Path) -> argparse.Namespace:
    """What every launcher takes: --port or --fetch-only, --data-dir, --jars-dir."""
    parser = argparse.ArgumentParser(prog=f"python -m {program}", description=purpose)
    action = parser.add_mutually_exclusive_group(required=True)
    action.add_argument("--port", type=int, help="port on 127.0.0.1 for clients")
    action.add_argument("--fetch-only", action="store_true", help="fetch the jars and exit")
    parser.add_argument("--data-dir", type=Path, default=data_dir, help="state of the server")
    parser.add_argument("--jars-dir", type=Path, default=cache_folder(pom, os.environ), help="folder of the jars")
    return parser.parse_args()


def find_jars(pom: Path, folder: Path, say: Callable[[str], None]) -> Path:
    """`folder` with the jars of `pom` in it, fetched first when it is absent; `say` is told what takes time.

    Raises JarsUnavailable where Maven is absent or fails.
    """
    if not folder.is_dir():
        _fetch(pom, folder, say)
    return folder


def classpath(folder: Path) -> str:
    """The `-cp` argument that names every jar of `folder`."""
    return f"{folder}{os.sep}*"


def java_command() -> str:
    """The path of the `java` program; raises JarsUnavailable where there is none."""
    java = shutil.which("java")
    if java is None:
        raise JarsUnavailable("no `java` on the PATH: install a JRE of version 17 or later")
    return java


def say_on_stderr(text: str) -> None:
    """Progress of a launcher: stdout stays free for the server itself."""
    print(text, file=sys.stderr, flush=True)  # noqa: T201


def _fetch(pom: Path, folder: Path, say: Callable[[str], None]) -> None:
    maven = shutil.which("mvn")
    if maven is None:
        raise JarsUnavailable(f"{folder} is absent and there is no `mvn` on the PATH to fetch it")
    say(f"fetching the jars of {folder.name} with Maven into {folder} (once, about 50 MB) ...")
    folder.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        _copy_dependencies(maven, pom, partial)
        _publish(partial, folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    say(f"fetched {folder.name}")


def _copy_dependencies(maven: str, pom: Path, target: Path) -> None:
    command = [maven, "-q", "-B", "-f", str(pom), _COPY_GOAL, f"-DoutputDirectory={target}"]
    try:
        done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=_FETCH_DEADLINE_S)
    except subprocess.TimeoutExpired as late:
        raise JarsUnavailable(f"Maven did not fetch {pom} within {_FETCH_DEADLINE_S} s") from late
    if done.returncode != 0:
        raise JarsUnavailable(f"Maven could not fetch {pom}:\n{(done.stdout + done.stderr).strip()[-2000:]}")


def _publish(partial: Path, folder: Path) -> None:
    try:
        partial.rename(folder)
    except OSError:
        if not folder.is_dir():  # otherwise another process was first, with the same jars
            raise
