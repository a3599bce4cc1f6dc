"""What runs inside a container cannot reach out of it, and its output, time and memory are bounded from outside."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import time
from contextlib import closing

import docker
import pytest

from sandbox.container import EXPIRES, ContainerEnvironment, Containers
from sandbox.environment import INPUT, EngineAbsent, EngineLost, ExecResult, ImageMissing
from sandbox.spec import MIB, Limits
from tests.integration.sandbox.conftest import IMAGE

pytestmark = pytest.mark.integration


async def python(environment: ContainerEnvironment, program: str, deadline_s: float = 20) -> ExecResult:
    return await environment.run(["python3", "-c", program], deadline_s=deadline_s, output_bytes=4096)


PROBES = {
    "connect to another machine": "import socket; socket.create_connection(('192.0.2.1', 80), 2)",
    "resolve a name": "import socket; socket.getaddrinfo('example.com', 80)",
    "open a raw socket": "import socket; socket.socket(socket.AF_INET, socket.SOCK_RAW, 1)",
    "write to the root": "import os; assert not os.statvfs('/').f_flag & os.ST_RDONLY",
    "write to the repository": "open('/workspace/forged', 'w')",
    "become root": "import os; os.setuid(0)",
    "end the first process": "import os; os.kill(1, 9)",
    "trace the first process": "import ctypes; assert ctypes.CDLL(None).ptrace(16, 1, 0, 0) == 0",
    "mount": "import ctypes; assert ctypes.CDLL(None).mount(b'x', b'/tmp', b'tmpfs', 0, b'') == 0",
    "make a user namespace": "import ctypes; assert ctypes.CDLL(None).unshare(0x10000000) == 0",
    "fill the disk": "open('/tmp/big', 'wb').write(bytes(80 * 1024 * 1024))",
    "fill the shared memory": "open('/dev/shm/big', 'wb').write(bytes(20 * 1024 * 1024))",
}


@pytest.mark.parametrize("program", PROBES.values(), ids=PROBES.keys())
async def test_a_container_does_not_let_its_code(environment: ContainerEnvironment, program: str) -> None:
    done = await python(environment, program)
    assert done.exit_code == 1, done.output
    assert (await python(environment, "print('alive')")).output == b"alive\n"


async def test_its_code_has_no_capability_and_cannot_gain_one(environment: ContainerEnvironment) -> None:
    done = await python(environment, "print(open('/proc/self/status').read())")
    status = dict(line.split(":\t") for line in done.output.decode().splitlines() if ":\t" in line)
    assert {status[name] for name in ("CapPrm", "CapEff", "CapBnd")} == {"0" * 16}
    assert (status["NoNewPrivs"], status["Seccomp"]) == ("1", "2")
    assert status["Uid"].split() == ["65534"] * 4


async def test_the_engine_was_asked_for_every_limit(
    environment: ContainerEnvironment, limits: Limits, docker_host: str
) -> None:
    with closing(docker.DockerClient(docker_host)) as client:
        config = client.containers.get(str(environment._container.id)).attrs["HostConfig"]
    # an engine without a bridge has no network to give, so that only its answer tells
    assert (config["NetworkMode"], config["IpcMode"], config["ReadonlyRootfs"]) == ("none", "private", True)
    assert (config["Memory"], config["MemorySwap"]) == (limits.memory_bytes, limits.memory_bytes)
    assert (config["PidsLimit"], config["NanoCpus"], config["ShmSize"]) == (limits.pids, 10**9, 16 * MIB)
    assert (config["CapDrop"], config["SecurityOpt"]) == (["ALL"], ["no-new-privileges"])


async def test_a_flood_of_output_is_cut_in_the_middle(environment: ContainerEnvironment) -> None:
    done = await python(environment, "print('first'); print('x' * 50_000_000); print('last')")
    assert (done.exit_code, done.truncated, len(done.output)) == (0, True, 4096)
    assert done.output.startswith(b"first\n")
    assert done.output.endswith(b"last\n")


async def test_a_memory_bomb_ends_alone(environment: ContainerEnvironment) -> None:
    assert not await environment.out_of_memory()
    done = await python(environment, f"bytearray({400 * MIB})")
    assert done.exit_code == 137
    assert await environment.out_of_memory()
    assert (await python(environment, "print('alive')")).output == b"alive\n"


async def test_a_fork_bomb_stays_within_its_number_of_processes(environment: ContainerEnvironment) -> None:
    bomb = "import os, time\nn = 0\ntry:\n  while os.fork(): n += 1\n  time.sleep(60)\nexcept OSError: print(n)"
    done = await python(environment, bomb)
    assert 0 < int(done.output) < 64
    assert done.duration_us < 10_000_000


async def test_what_ignores_every_signal_still_ends_at_its_deadline(
    environment: ContainerEnvironment, docker_host: str
) -> None:
    stubborn = (
        "import signal\nfor n in range(1, 32):\n  try: signal.signal(n, signal.SIG_IGN)\n  except OSError: pass\n"
    )
    started = time.monotonic()
    done = await python(environment, f"{stubborn}print('on', flush=True)\nwhile True: pass", deadline_s=1.5)
    assert (done.exit_code, done.timed_out, done.output) == (None, True, b"on\n")
    assert time.monotonic() - started < 10
    with pytest.raises(EngineLost):
        await environment.run(["true"], deadline_s=5, output_bytes=100)


async def test_files_arrive_as_they_are_and_cannot_be_changed(environment: ContainerEnvironment) -> None:
    data = bytes(range(256)) * 4096
    await environment.write_files({"a": data, "b": b""})
    done = await environment.run(["sha256sum", f"{INPUT}/a", f"{INPUT}/b"], deadline_s=10, output_bytes=4096)
    assert [line.split()[0] for line in done.output.decode().splitlines()] == [
        hashlib.sha256(data).hexdigest(),
        hashlib.sha256(b"").hexdigest(),
    ]
    assert (await python(environment, f"open('{INPUT}/a', 'w')")).exit_code == 1


def test_a_container_ends_with_the_process_that_made_it(docker_host: str) -> None:
    program = f"""
import asyncio, os
from sandbox.container import Containers
from sandbox.spec import MIB, Limits
async def main():
    made = Containers({docker_host!r}, {{}}, "runc", Limits(run_timeout_s=5, memory_bytes=256 * MIB, pids=64))
    environment = await made.start(600, {IMAGE!r})
    print(environment._container.id, flush=True)
    os.kill(os.getpid(), 9)
asyncio.run(main())
"""
    died = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert died.returncode == -9, died.stderr
    with closing(docker.DockerClient(docker_host)) as client:
        deadline = time.monotonic() + 10
        while _exists(client, died.stdout.strip()):
            assert time.monotonic() < deadline
            time.sleep(0.1)


def _exists(client: docker.DockerClient, id: str) -> bool:
    return id in {container.id for container in client.containers.list(all=True)}


async def test_leftovers_are_swept_and_live_containers_are_not(
    containers: Containers, environment: ContainerEnvironment, docker_host: str
) -> None:
    with closing(docker.DockerClient(docker_host)) as client:
        expired = {EXPIRES: str(int(time.time()) - 1)}
        leftover = client.containers.run(IMAGE, ["sleep", "60"], detach=True, labels=expired, network_mode="none")
        assert await containers.sweep() == 1
        assert not _exists(client, str(leftover.id))
    assert (await python(environment, "print('alive')")).output == b"alive\n"


async def test_an_absent_engine_and_an_absent_image_are_told_apart(docker_host: str, limits: Limits) -> None:
    with pytest.raises(EngineAbsent):
        await Containers("unix:///nonexistent.sock", {}, "runc", limits).start(10, IMAGE)
    without_image = Containers(docker_host, {"python": "pr-telemetry/no-such-image:1"}, "runc", limits)
    with closing(without_image), pytest.raises(ImageMissing):
        await without_image.start(10, "python")
