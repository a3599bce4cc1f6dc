"""What the sandbox costs: `python -m benchmarks.sandbox [--rounds N]`; it starts a Docker engine where none answers.

Suite runs inside validations against bare `docker run`s of the same tests, hardened against plain containers, runc
against gVisor; in turn, round by round, so that a change of the machine's load meets all of them alike. Medians.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import secrets
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path

import docker

from deploy.embedded import gvisor
from deploy.embedded.docker_engine import answering_daemon, answers, free_data_root, short_runtime_folder
from deploy.embedded.sandbox_image import ensure_image
from deploy.embedded.sandbox_recipes import PYTHON
from sandbox.checkout import MIRROR
from sandbox.container import Containers
from sandbox.examiner import Examiner
from sandbox.hardening import options
from sandbox.job import Job
from sandbox.patching import patches_of
from sandbox.spec import MIB, Limits
from sandbox.workspace import pack_objects
from tests.support.sandbox import FIXED, START, Repository, edits, make_repository

IMAGE = PYTHON.image
LIMITS = Limits(run_timeout_s=60, memory_bytes=512 * MIB, pids=128)
BUSY_TEST = """import time


def test_work():
    until = time.process_time() + 2
    while time.process_time() < until:
        pass
"""
SUITES = {"small (2 tests)": START, "2 s of work": START | {"tests/test_work.py": BUSY_TEST}}
AT_ONCE, BATCH = 2, 8
AGAINST = {"suite run of a validation": "bare docker run", "hardened": "plain"}


@contextmanager
def engine() -> Iterator[str]:
    """URL of an engine with the image; one of ours ends with the block, also on SIGTERM."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    if host := answering_daemon():
        ensure_image(host)
        yield host
        return
    folder = short_runtime_folder()
    host, data = f"unix://{folder / 'd.sock'}", str(free_data_root(os.environ))
    command = [sys.executable, "-m", "deploy.embedded.docker_engine", "run", "--data-root", data]
    with (folder / "log").open("w") as log:
        started = subprocess.Popen([*command, "--socket", str(folder / "d.sock")], stdout=log, stderr=log)
    try:
        while not answers(host):
            time.sleep(0.1)
        ensure_image(host)
        yield host
    finally:
        started.terminate()
        started.wait(30)
        shutil.rmtree(folder, ignore_errors=True)


def timed(work: Callable[[], object]) -> float:
    """Seconds that it takes."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


class Bench:
    """One engine and the two repositories."""

    def __init__(self, host: str, folder: Path) -> None:
        self.host = host
        self.client = docker.DockerClient(host)
        self.runtimes = [name for name in ("runc", gvisor.RUNTIME) if name in self.client.info()["Runtimes"]]
        self.repositories = {
            name: make_repository(folder / str(number), files) for number, (name, files) in enumerate(SUITES.items())
        }

    def bare(self, repository: Repository, runtime: str) -> None:
        """`docker run` of the suite with nothing but what keeps it off the network."""
        command = ["sh", "-c", "python3 -m pytest -q -p no:cacheprovider || true"]
        volumes = {str(repository.folder): {"bind": "/repo", "mode": "ro"}}
        self.client.containers.run(
            IMAGE, command, volumes=volumes, working_dir="/repo", network_mode="none", runtime=runtime, remove=True
        )

    def started(self, hardened: bool) -> None:
        """One container, from nothing to the first command's end."""
        plain = {"command": ["cat"], "stdin_open": True, "network_mode": "none", "auto_remove": True}
        how = options(LIMITS, "runc", 60, time.time()) if hardened else plain
        container = self.client.containers.create(IMAGE, **how)
        container.start()
        container.exec_run(["true"])
        container.remove(force=True)

    def validations(self, repository: Repository, runtime: str, count: int) -> tuple[float, int]:
        """Wall of so many validations, AT_ONCE at once, and the suite runs in them."""
        workspace = {MIRROR: pack_objects(repository.objects, 10**8)}
        patches = patches_of(edits(START, {"calc.py": FIXED}))
        job = Job(workspace=workspace, commit=repository.commit, patches=patches)

        async def all_of_them(containers: Containers) -> int:
            turns = asyncio.Semaphore(AT_ONCE)
            examiner = Examiner(environments=containers, nonce=lambda: secrets.token_hex(16), limits=LIMITS)

            async def one() -> int:
                async with turns:
                    outcome, evidence = await examiner.examine(job)
                if outcome.verdict != "fixed":
                    raise SystemExit(f"not fixed: {outcome}")
                return len(evidence.runs)

            return sum(await asyncio.gather(*(one() for _ in range(count))))

        runs = 0
        with closing(Containers(self.host, {"python": IMAGE}, runtime, LIMITS)) as containers:
            started = time.perf_counter()
            runs = asyncio.run(all_of_them(containers))
            return time.perf_counter() - started, runs


def measure(bench: Bench, rounds: int) -> dict[str, list[float]]:
    """Seconds by what was measured; one more round than asked for, whose figures warm up and are left out."""
    found: dict[str, list[float]] = {}
    for number in range(rounds + 1):
        figures = {
            "start, plain": timed(partial(bench.started, False)),
            "start, hardened": timed(partial(bench.started, True)),
        }
        for suite, repository in bench.repositories.items():
            for runtime in bench.runtimes:
                figures[f"{suite}, {runtime}: bare docker run"] = timed(partial(bench.bare, repository, runtime))
                wall, runs = bench.validations(repository, runtime, 1)
                figures[f"{suite}, {runtime}: suite run of a validation"] = wall / runs
                figures[f"{suite}, {runtime}: whole validation"] = wall
        if number:
            for name, seconds in figures.items():
                found.setdefault(name, []).append(seconds)
    return found


def report(found: Mapping[str, list[float]], against: Mapping[str, str]) -> None:
    """One line a figure: median, range, ratio to the figure with another part in its name, as `against` has it."""
    medians = {name: statistics.median(seconds) for name, seconds in found.items()}
    print(f"{'':<52}{'median s':>10}{'least':>8}{'most':>8}{'ratio':>7}")
    for name, seconds in found.items():
        other = next((name.replace(part, instead) for part, instead in against.items() if part in name), "")
        ratio = f"{medians[name] / medians[other]:.2f}" if other else ""
        print(f"{name:<52}{medians[name]:>10.2f}{min(seconds):>8.2f}{max(seconds):>8.2f}{ratio:>7}")


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sandbox", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    with engine() as host, tempfile.TemporaryDirectory() as folder:
        bench = Bench(host, Path(folder))
        print(
            f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} before, engine {bench.client.version()['Version']}"
        )
        report(measure(bench, rounds), AGAINST)
        for runtime in bench.runtimes:
            wall, runs = bench.validations(bench.repositories["small (2 tests)"], runtime, BATCH)
            pace = f"{BATCH * 60 / wall:.0f} validations = {runs * 60 / wall:.0f} suite runs a minute"
            print(f"{runtime}: {pace}, {AT_ONCE} at once")
        bench.client.close()


if __name__ == "__main__":
    main()
