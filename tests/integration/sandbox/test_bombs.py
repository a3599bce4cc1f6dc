"""Changes that try to take the machine down with them: it takes no harm, and the verdict says what happened.

The right fix comes along each time, so that none of the verdicts is owed to wrong code.
"""

from __future__ import annotations

import asyncio
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import docker
import pytest

from sandbox.checkout import MIRROR
from sandbox.container import Containers
from sandbox.examiner import Examiner
from sandbox.hardening import EXPIRES
from sandbox.job import Job
from sandbox.patching import patches_of
from sandbox.spec import MIB, Limits
from sandbox.workspace import pack_objects
from tests.integration.sandbox.conftest import RUNTIMES
from tests.support.sandbox import FIXED, START, Repository, edits

pytestmark = [pytest.mark.integration, pytest.mark.slow]


@dataclass(frozen=True)
class Bomb:
    """Code that goes off when the fix is imported, and the verdicts that may follow, per runtime where they differ."""

    code: str
    verdicts: set[str]
    under_gvisor: set[str] | None = None


ENDED = {"unverifiable/sandbox_exhausted", "unverifiable/out_of_memory"}
BOMBS = {
    "forks": Bomb("import os\nwhile True:\n  try: os.fork()\n  except OSError: pass\n", {"timeout"}, ENDED),
    "threads": Bomb(
        "import threading, time\nwhile True:\n  try: threading.Thread(target=time.sleep, args=(99,)).start()\n"
        "  except RuntimeError: pass\n",
        {"timeout"},
        ENDED | {"timeout"},
    ),
    "takes memory": Bomb("full = []\nwhile True: full.append(bytearray(1 << 22))\n", {"unverifiable/out_of_memory"}),
    "keeps memory in the kernel": Bomb(
        "import socket\nkept = []\n"
        "while True:\n  try:\n    a, b = socket.socketpair(); a.setblocking(False); kept.append((a, b))\n"
        "    while True: a.send(bytes(65536))\n  except OSError: pass\n",
        {"timeout", *ENDED},
    ),
    "hangs and ignores signals": Bomb(
        "import signal\nfor n in range(1, 32):\n  try: signal.signal(n, signal.SIG_IGN)\n  except OSError: pass\n"
        "while True: pass\n",
        {"timeout"},
    ),
    "fills every file system": Bomb(
        "for n, folder in enumerate(('/tmp', '/dev/shm', '/workspace') * 9):\n"
        "  try:\n    with open(f'{folder}/full{n}', 'wb') as file:\n      while True: file.write(bytes(1 << 20))\n"
        "  except OSError: pass\n",
        {
            "unverifiable/no_report",
            "unverifiable/runner_failed",
            "unverifiable/bad_report",
            "unverifiable/out_of_memory",
        },
    ),
    "makes a million files": Bomb(
        "for n in range(1_000_000):\n  try: open(f'/tmp/{n}', 'x').close()\n  except OSError: break\n",
        {"timeout", "fixed/verified", *ENDED, "unverifiable/no_report"},
    ),
    "opens every file": Bomb(
        "import os\nwhile True:\n  try: os.open('/dev/null', 0)\n  except OSError: break\n",
        {"unverifiable/no_report", "unverifiable/runner_failed", "unverifiable/bad_report", "unverifiable/tampered"},
    ),
    "leaves zombies": Bomb(
        "import os\nfor n in range(120):\n  try:\n    if os.fork() == 0: os._exit(0)\n  except OSError: pass\n",
        {"fixed/verified"},
    ),
    "prints without end": Bomb("import os\nwhile True: os.write(2, b'x' * 65536)\n", {"timeout", *ENDED}),
    "leaves a program behind": Bomb(
        "import os, time\nif os.fork() == 0:\n  os.setsid()\n  while True: time.sleep(1)\n",
        {"fixed/verified", "timeout"},
    ),
}


@pytest.fixture(params=RUNTIMES)
def runtime(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def machine(docker_host: str) -> Iterator[None]:
    """Fails where the machine is not after the test what it was before."""
    before = _memory_kb(), shutil.disk_usage("/").free, _processes()
    yield
    with closing(docker.DockerClient(docker_host, timeout=5)) as engine:
        started = time.monotonic()
        while engine.containers.list(all=True, filters={"label": EXPIRES}, ignore_removed=True):
            assert time.monotonic() - started < 10, "a container is left"
            time.sleep(0.1)
    after = _memory_kb(), shutil.disk_usage("/").free, _processes()
    assert before[0] - after[0] < 1024 * 1024
    assert before[1] - after[1] < 500 * MIB
    assert after[2] - before[2] < 50


def _memory_kb() -> int:
    lines = (line.split() for line in Path("/proc/meminfo").read_text().splitlines())
    return next(int(line[1]) for line in lines if line[0] == "MemAvailable:")


def _processes() -> int:
    return sum(path.name.isdigit() for path in Path("/proc").iterdir())


@pytest.mark.usefixtures("machine")
@pytest.mark.parametrize("name", BOMBS)
async def test_a_bomb_gets_its_verdict_and_harms_nobody(
    name: str, containers: Containers, limits: Limits, repository: Repository, runtime: str
) -> None:
    bomb, small = BOMBS[name], replace(limits, run_timeout_s=8)
    examiner = Examiner(environments=containers, nonce=lambda: secrets.token_hex(16), limits=small)
    events = edits(START, {"calc.py": bomb.code + FIXED})
    workspace = {MIRROR: pack_objects(repository.objects, 10**8)}
    async with asyncio.timeout(90):
        outcome, _ = await examiner.examine(
            Job(workspace=workspace, commit=repository.commit, patches=patches_of(events))
        )
    found = "/".join(filter(None, (outcome.verdict, outcome.level, outcome.reason)))
    assert found in ((runtime != "runc" and bomb.under_gvisor) or bomb.verdicts), outcome.detail
