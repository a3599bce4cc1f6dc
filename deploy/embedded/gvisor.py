"""Builds gVisor's runtime `runsc`, a second kernel between code under test and the machine's own, from its Go module.

It is built once, into the cache folder, which takes minutes; the folder is named after the version, and is complete or
absent. An engine of ours that starts afterwards offers it (`docker_engine`); for another engine `ensure` prints what
to add to its configuration.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from deploy.embedded.jars import cache_root, say_on_stderr

RUNTIME = "runsc"
# A commit of the branch `go`, the only one that builds as a module; `latest` and names of branches are refused.
VERSION = "v0.0.0-20260701204157-69c2d17aea96"
MODULE = f"gvisor.dev/gvisor/{RUNTIME}@{VERSION}"
BUILD_DEADLINE_S = 2400


class GvisorUnavailable(Exception):
    """The runtime is not there and cannot be built; the text says why, in one line."""


def runtime_path(environ: Mapping[str, str]) -> Path:
    """Where the runtime is, or would be once it is built."""
    return cache_root(environ) / f"gvisor-{VERSION}" / RUNTIME


def built(environ: Mapping[str, str]) -> Path | None:
    """The runtime, where it has been built."""
    path = runtime_path(environ)
    return path if path.is_file() else None


def ensure_gvisor(environ: Mapping[str, str]) -> Path:
    """The runtime, built first where it is absent. Raises GvisorUnavailable."""
    path = runtime_path(environ)
    path.parent.parent.mkdir(parents=True, exist_ok=True)
    with path.parent.with_name(f"{path.parent.name}.lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        if not path.is_file():
            _build(path.parent, environ)
    return path


def _build(folder: Path, environ: Mapping[str, str]) -> None:
    go = shutil.which("go")
    if go is None:
        raise GvisorUnavailable("gVisor is built with Go, and there is no `go` on the PATH")
    say_on_stderr(f"building {MODULE} (once, about 5 minutes) ...")
    with tempfile.TemporaryDirectory(prefix=".gvisor-", dir=folder.parent) as scratch:
        partial = Path(scratch, "bin")
        _install(go, partial, environ)
        partial.rename(folder)


def _install(go: str, target: Path, environ: Mapping[str, str]) -> None:
    settings = {**environ, "CGO_ENABLED": "0", "GOBIN": str(target)}
    command = ["nice", go, "install", MODULE]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=BUILD_DEADLINE_S, env=settings)
    except subprocess.TimeoutExpired as late:
        raise GvisorUnavailable(f"`go install` did not end within {BUILD_DEADLINE_S} s") from late
    if done.returncode != 0 or not (target / RUNTIME).is_file():
        last_line = (done.stderr or done.stdout).strip().splitlines()[-1:] or ["no output"]
        raise GvisorUnavailable(f"`go install` failed: {last_line[0]}")


def main() -> int:
    """0 the runtime is there, 1 it cannot be built (one line on stderr says why)."""
    parser = argparse.ArgumentParser(prog="python -m deploy.embedded.gvisor", description=__doc__)
    parser.add_argument("command", choices=("ensure",))
    parser.parse_args()
    try:
        path = ensure_gvisor(os.environ)
    except GvisorUnavailable as problem:
        say_on_stderr(f"no gVisor: {problem}")
        return 1
    say_on_stderr(
        f"gVisor is at {path}. An engine started by `pr-telemetry up` offers it as `{RUNTIME}`; for another one start\n"
        f"dockerd with --add-runtime={RUNTIME}={path}, or name it under `runtimes` in /etc/docker/daemon.json."
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
