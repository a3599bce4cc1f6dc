"""Provides a Docker engine for the sandbox: one that already answers, or one of our own without any network.

`ensure` installs Debian's packages where the engine is missing; `run` becomes a foreground `dockerd` (same process id),
to be supervised by whoever started it. Our engine makes no bridge and touches no firewall, because no container of ours
ever has a network. It offers gVisor beside its own runtime where that has been built. Its data root is kept between
runs, so the sandbox's image outlives them.
"""

from __future__ import annotations

import argparse
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from contextlib import closing
from itertools import count
from pathlib import Path
from typing import NoReturn

import docker

from deploy.embedded import gvisor
from deploy.embedded.jars import cache_root, say_on_stderr

DEFAULT_SOCKET = "/var/run/docker.sock"
ENGINE = "dockerd"
PACKAGES = ("docker.io", "iptables")
MAX_SOCKET_PATH = 107  # bytes: sizeof(sockaddr_un.sun_path) - 1 on Linux
INSTALL_DEADLINE_S = 600
PING_DEADLINE_S = 5


class EngineUnavailable(Exception):
    """No engine can be had here; the text says why, in one line."""


def answers(docker_host: str) -> bool:
    """Whether a Docker engine replies at this URL within PING_DEADLINE_S seconds."""
    if docker_host.startswith("unix://") and not _listening(docker_host.removeprefix("unix://")):
        return False
    try:
        with closing(docker.DockerClient(base_url=docker_host, timeout=PING_DEADLINE_S)) as client:
            return bool(client.ping())
    except (docker.errors.DockerException, OSError):
        return False


def answering_daemon() -> str | None:
    """URL of an engine that is running already: DOCKER_HOST where set, else the machine's usual socket."""
    docker_host = os.environ.get("DOCKER_HOST") or f"unix://{DEFAULT_SOCKET}"
    return docker_host if answers(docker_host) else None


def obstacle() -> str | None:
    """Why no engine of our own can be started here, in one line; None where it can (perhaps after `ensure`)."""
    if not sys.platform.startswith("linux"):
        return "the Docker engine can only be started on Linux: start Docker yourself and set DOCKER_HOST"
    if os.geteuid() != 0:
        return "starting the Docker engine needs root: start it yourself and set DOCKER_HOST"
    if _dockerd() is None and shutil.which("apt-get") is None:
        return "there is no dockerd and no apt-get to install it with: install the Docker engine"
    return None


def ensure_engine() -> None:
    """Installs the engine where it is missing. Raises EngineUnavailable where that cannot be done."""
    reason = obstacle()
    if reason is not None:
        raise EngineUnavailable(reason)
    if _dockerd() is None:
        say_on_stderr(f"installing {' and '.join(PACKAGES)} with apt (once, about 30 s) ...")
        _apt("update", "-qq")
        _apt("install", "-y", "-qq", "--no-install-recommends", *PACKAGES)
    if _dockerd() is None:
        raise EngineUnavailable(f"apt installed {PACKAGES[0]}, yet there is no dockerd on the PATH")


def free_data_root(environ: Mapping[str, str]) -> Path:
    """A data root that no live engine holds: `<cache>/docker`, or `docker-2`, ... beside another engine of ours."""
    base = cache_root(environ) / "docker"
    candidates = (base if number == 1 else base.with_name(f"{base.name}-{number}") for number in count(1))
    return next(root for root in candidates if not _held(root))


def short_runtime_folder() -> Path:
    """A new folder whose path leaves room for a socket; the caller removes it."""
    return Path(tempfile.mkdtemp(prefix="prt-", dir="/tmp"))


def engine_command(data_root: Path, socket_path: Path) -> list[str]:
    """The command line of the engine. Raises EngineUnavailable when the socket's path is too long for the kernel."""
    if len(os.fsencode(socket_path)) > MAX_SOCKET_PATH:
        raise EngineUnavailable(
            f"the socket path {socket_path} is longer than {MAX_SOCKET_PATH} bytes: choose a shorter folder"
        )
    return [
        _dockerd() or ENGINE,
        "--bridge=none",
        "--iptables=false",
        f"--host=unix://{socket_path}",
        f"--data-root={data_root}",
        f"--exec-root={socket_path.parent / 'exec'}",
        f"--pidfile={_pid_file(data_root)}",
        "--log-level=warn",
        *([f"--add-runtime={gvisor.RUNTIME}={runtime}"] if (runtime := gvisor.built(os.environ)) else []),
    ]


def run_engine(data_root: Path, socket_path: Path) -> NoReturn:
    """Replaces this process by dockerd. Raises EngineUnavailable where it cannot run."""
    ensure_engine()
    command = engine_command(data_root, socket_path)
    data_root.mkdir(parents=True, exist_ok=True)
    socket_path.parent.mkdir(parents=True, exist_ok=True)
    if not _held(data_root):
        # dockerd refuses to start while the id in a stale file belongs to any process at all
        _pid_file(data_root).unlink(missing_ok=True)
    os.execvp(command[0], command)


def _dockerd() -> str | None:
    return shutil.which(ENGINE) or shutil.which(ENGINE, path="/usr/sbin:/usr/local/sbin")


def _pid_file(data_root: Path) -> Path:
    return data_root / "dockerd.pid"


def _held(data_root: Path) -> bool:
    try:
        pid = _pid_file(data_root).read_text().strip()
        return Path("/proc", pid, "comm").read_text().strip() == ENGINE
    except OSError:
        return False


def _listening(path: str) -> bool:
    # asked by ourselves, because the client leaves the socket of a refused connection open
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(path) == 0


def _apt(*arguments: str) -> None:
    command = ["apt-get", *arguments]
    # a package's start script must not start a second engine beside ours
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
    try:
        done = subprocess.run(
            command, check=False, capture_output=True, text=True, timeout=INSTALL_DEADLINE_S, env=environment
        )
    except subprocess.TimeoutExpired as late:
        raise EngineUnavailable(f"`{' '.join(command)}` did not end within {INSTALL_DEADLINE_S} s") from late
    if done.returncode != 0:
        last_line = (done.stderr or done.stdout).strip().splitlines()[-1:] or ["no output"]
        raise EngineUnavailable(f"`{' '.join(command)}` failed: {last_line[0]}")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m deploy.embedded.docker_engine", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("ensure", help="install the engine where it is missing")
    run = commands.add_parser("run", help="become a foreground dockerd")
    run.add_argument("--data-root", type=Path, help="default: the first free one in the cache folder")
    run.add_argument("--socket", type=Path, required=True)
    return parser.parse_args()


def main() -> int:
    """0 done, 1 no engine can be had (one line on stderr says why)."""
    arguments = _arguments()
    try:
        if arguments.command == "run":
            run_engine(arguments.data_root or free_data_root(os.environ), arguments.socket)
        running = answering_daemon()
        if running is None:
            ensure_engine()
        say_on_stderr(f"a Docker engine answers at {running}" if running else f"the Docker engine is at {_dockerd()}")
    except EngineUnavailable as problem:
        say_on_stderr(f"no Docker engine: {problem}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
