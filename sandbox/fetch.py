"""Fetches one commit from an allowed origin: `python -m sandbox.fetch ORIGIN COMMIT` prints the folder of its objects.

A process of its own, because it needs a network, which neither the worker nor a container ever uses. It shows no
credentials, follows no redirects, runs no hooks, takes no submodules and no history, and stops at its limits of size
and time. A commit that was fetched before is not fetched again, until the room for them is needed; the worker reads the
objects and passes them on.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from pipeline.settings import SandboxSettings, load
from sandbox.fetched import UNFINISHED, sweep_fetched, used
from sandbox.origins import allowed, fetchable, host_and_port, public

FETCHED, FAILED, REFUSED, NO_COMMIT, TOO_LARGE = 0, 1, 3, 4, 5
MIB = 1024 * 1024
_FULL_ID = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_KEPT = (
    "PATH",
    "GIT_SSL_CAINFO",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "HTTPS_PROXY",
    "https_proxy",
    "NO_PROXY",
    "no_proxy",
)
_UNKNOWN = ("not our ref", "unadvertised object", "couldn't find remote ref", "no such remote ref")
_SAFE = {
    "protocol.allow": "never",
    "credential.helper": "",
    "core.hooksPath": "/dev/null",
    "core.askPass": "",
    "http.followRedirects": "false",
    "http.sslVerify": "true",
    "http.emptyAuth": "false",
    "fetch.unpackLimit": "1",
    "gc.auto": "0",
    "maintenance.auto": "false",
    "submodule.recurse": "false",
}


class NotFetched(Exception):
    """Nothing was fetched; `status` is the exit status that says why, the text is one line."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


def fetch(origin: str, commit: str, settings: SandboxSettings) -> Path:
    """The folder of objects that has the commit's whole tree. Raises NotFetched."""
    url = fetchable(origin)
    if url is None or not allowed(url, settings.sandbox_origins.split(",")):
        raise NotFetched(REFUSED, f"{origin[:200]} is not among SANDBOX_ORIGINS")
    if not _FULL_ID.fullmatch(commit):
        raise NotFetched(NO_COMMIT, f"{commit} is not a commit's whole id, and only such can be asked for")
    place = settings.sandbox_fetched_dir.absolute() / hashlib.sha256(url.encode()).hexdigest()[:32]
    target = place / f"{commit}.git"
    if target.exists():
        used(target)
    else:
        options = [*_options({**_SAFE, **_way(url, settings.sandbox_private_origins)})]
        place.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=UNFINISHED, dir=place) as scratch:
            _fetch(Path(scratch, "repo.git"), options, url, commit, settings)
            _moved(Path(scratch, "repo.git"), target)
        sweep_fetched(settings.sandbox_fetched_dir, settings.sandbox_fetched_mb * MIB)
    return target / "objects"


def _way(url: str, private: bool) -> dict[str, str]:
    """The protocol that is allowed, and the one address that a name stands for: looked up once, checked, and kept."""
    where = host_and_port(url)
    if where is None:
        return {"protocol.file.allow": "always"}
    try:
        found = sorted({str(entry[4][0]) for entry in socket.getaddrinfo(*where, type=socket.SOCK_STREAM)})
    except OSError as error:
        raise NotFetched(FAILED, f"{where[0]}: {error}") from error
    if not private and not all(map(public, found)):
        raise NotFetched(REFUSED, f"{where[0]} has a private address: set SANDBOX_PRIVATE_ORIGINS where that is meant")
    address = f"[{found[0]}]" if ":" in found[0] else found[0]
    return {"protocol.https.allow": "always", "http.curloptResolve": f"{where[0]}:{where[1]}:{address}"}


def _options(values: dict[str, str]) -> Iterator[str]:
    for name, value in values.items():
        yield from ("-c", f"{name}={value}")


def _fetch(folder: Path, options: list[str], url: str, commit: str, settings: SandboxSettings) -> None:
    object_format = "sha256" if len(commit) == 64 else "sha1"
    _git(settings, "init", "-q", "--bare", f"--object-format={object_format}", "--template=", str(folder))
    wanted = ("--depth=1", "--no-tags", "--no-recurse-submodules", "--no-write-fetch-head", url, commit)
    try:
        _git(settings, *options, "-C", str(folder), "fetch", "-q", *wanted)
    except NotFetched as problem:  # git does not say that the limit of a file's size ended it
        if large := _too_large(folder, settings):
            raise large from problem
        raise
    if large := _too_large(folder, settings):
        raise large
    _git(settings, "-C", str(folder), "cat-file", "-e", f"{commit}^{{commit}}")


def _too_large(folder: Path, settings: SandboxSettings) -> NotFetched | None:
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    if size < settings.sandbox_fetch_mb * MIB:
        return None
    return NotFetched(TOO_LARGE, f"more than {settings.sandbox_fetch_mb} MiB")


def _git(settings: SandboxSettings, *arguments: str) -> None:
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    quiet = {"GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull, "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}
    process = subprocess.Popen(
        [shutil.which("git") or "git", *arguments],
        env={**kept, **quiet, "HOME": os.devnull},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (settings.sandbox_fetch_mb * MIB,) * 2),
    )
    try:
        _, said = process.communicate(timeout=settings.sandbox_fetch_timeout_s)
    except subprocess.TimeoutExpired as late:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        raise NotFetched(FAILED, f"not fetched within {settings.sandbox_fetch_timeout_s} s") from late
    if process.returncode != 0:
        raise _reason(said.decode(errors="replace"))


def _reason(said: str) -> NotFetched:
    line = " | ".join(said.strip().splitlines())[-500:]
    if any(sign in said.lower() for sign in _UNKNOWN):
        return NotFetched(NO_COMMIT, line)
    return NotFetched(FAILED, line)


def _moved(made: Path, target: Path) -> None:
    try:
        made.rename(target)
    except OSError:
        if not target.exists():  # else another process was faster
            raise


def main() -> int:
    """One of the statuses above; the folder on standard output, or one line on standard error."""
    parser = argparse.ArgumentParser(prog="python -m sandbox.fetch", description=__doc__)
    parser.add_argument("origin")
    parser.add_argument("commit")
    given = parser.parse_args()
    try:
        sys.stdout.write(f"{fetch(given.origin, given.commit, load(SandboxSettings))}\n")
    except NotFetched as problem:
        sys.stderr.write(f"{problem}\n")
        return problem.status
    except OSError as problem:
        sys.stderr.write(f"{problem}\n")
        return FAILED
    return FETCHED


if __name__ == "__main__":
    sys.exit(main())
