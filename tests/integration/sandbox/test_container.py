"""What runs inside a container is bounded from outside in output, time, memory and processes, whatever the runtime."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import docker
import pytest

from sandbox import seccomp
from sandbox.container import ContainerEnvironment, Containers
from sandbox.environment import INPUT, EngineAbsent, EngineLost, ExecResult, ImageMissing, RuntimeMissing
from sandbox.hardening import EXPIRES, GVISOR_LEAST_PIDS
from sandbox.spec import MIB, Limits
from tests.integration.sandbox.conftest import IMAGE, RUNTIMES

pytestmark = pytest.mark.integration


@pytest.fixture(params=RUNTIMES)
def runtime(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def count_the_peak_anew() -> None:
    Path("/proc/self/clear_refs").write_text("5")


def memory_kb(name: str) -> int:
    lines = (line.split() for line in Path("/proc/self/status").read_text().splitlines())
    return next(int(line[1]) for line in lines if line[0] == f"{name}:")


async def python(environment: ContainerEnvironment, program: str, deadline_s: float = 20) -> ExecResult:
    return await environment.run(["python3", "-c", program], deadline_s=deadline_s, output_bytes=4096)


async def test_the_engine_was_asked_for_every_limit(
    environment: ContainerEnvironment, limits: Limits, docker_host: str, runtime: str
) -> None:
    with closing(docker.DockerClient(docker_host)) as client:
        config = client.containers.get(str(environment._container.id)).attrs["HostConfig"]
    # an engine without a bridge has no network to give, so that only its answer tells
    assert (config["NetworkMode"], config["IpcMode"], config["ReadonlyRootfs"]) == ("none", "private", True)
    assert (config["Memory"], config["MemorySwap"]) == (limits.memory_bytes, limits.memory_bytes)
    pids = limits.pids if runtime == "runc" else GVISOR_LEAST_PIDS
    assert (config["PidsLimit"], config["NanoCpus"], config["ShmSize"]) == (pids, 10**9, 16 * MIB)
    assert (config["CapDrop"], config["SecurityOpt"]) == (["ALL"], ["no-new-privileges", seccomp.option()])
    assert (config["Runtime"], config["Privileged"], config["Binds"]) == (runtime, False, None)


async def test_a_flood_of_output_is_cut_in_the_middle(environment: ContainerEnvironment) -> None:
    done = await python(environment, "print('first'); print('x' * 50_000_000); print('last')")
    assert (done.exit_code, done.truncated, len(done.output)) == (0, True, 4096)
    assert done.output.startswith(b"first\n")
    assert done.output.endswith(b"last\n")


@pytest.mark.slow
async def test_a_gigabyte_of_output_takes_no_memory_of_ours(environment: ContainerEnvironment) -> None:
    count_the_peak_anew()
    before_kb = memory_kb("VmRSS")
    done = await python(environment, "import os\nfor _ in range(1024): os.write(1, bytes(1 << 20))", deadline_s=100)
    assert (done.exit_code, done.truncated, len(done.output)) == (0, True, 4096)
    assert memory_kb("VmHWM") - before_kb < 64 * 1024


async def test_a_memory_bomb_is_told_from_another_end(environment: ContainerEnvironment, runtime: str) -> None:
    assert not await environment.out_of_memory()
    done = await python(environment, f"bytearray({400 * MIB})")
    assert done.exit_code == (137 if runtime == "runc" else None)
    # where gVisor's kernel goes with it, the engine may not tell the end before the deadline does
    assert not done.timed_out or runtime == "runsc"
    assert await environment.out_of_memory()
    # gVisor's kernel is in the container, and ends with it
    alive = await python(environment, "print('alive')")
    assert (alive.exit_code, alive.output) == ((0, b"alive\n") if runtime == "runc" else (None, b""))


@pytest.mark.parametrize("code", [1, 126, 128, 137])
async def test_a_command_s_own_status_is_kept(environment: ContainerEnvironment, code: int) -> None:
    assert (await python(environment, f"import os; os._exit({code})")).exit_code == code
    assert not await environment.out_of_memory()


async def test_a_fork_bomb_stays_within_its_number_of_processes(
    environment: ContainerEnvironment, runtime: str
) -> None:
    bomb = "import os, time\nn = 0\ntry:\n  while os.fork(): n += 1\n  time.sleep(60)\nexcept OSError: print(n)"
    done = await python(environment, bomb)
    assert 0 < int(done.output) < 64 if runtime == "runc" else done.exit_code is None
    assert done.duration_us < 10_000_000


async def test_what_a_run_leaves_behind_is_collected(environment: ContainerEnvironment) -> None:
    """Dead processes that nobody waits for would take the places of the next run's."""
    orphans = "import os\nfor n in range(40):\n  if os.fork() == 0: os._exit(0)\nprint('left')"
    for _ in range(4):
        assert (await python(environment, orphans)).output == b"left\n"


async def test_a_container_that_our_own_commands_lose_is_our_failure(
    environment: ContainerEnvironment, docker_host: str
) -> None:
    with closing(docker.DockerClient(docker_host)) as client:
        client.containers.get(str(environment._container.id)).remove(force=True)
    with pytest.raises(EngineLost):
        await environment.run(["true"], trusted=True, deadline_s=5, output_bytes=100)
    assert (await environment.run(["true"], deadline_s=5, output_bytes=100)).exit_code is None


async def test_what_ignores_every_signal_still_ends_at_its_deadline(
    environment: ContainerEnvironment, docker_host: str
) -> None:
    stubborn = (
        "import signal\nfor n in range(1, 32):\n  try: signal.signal(n, signal.SIG_IGN)\n  except OSError: pass\n"
    )
    started = time.monotonic()
    done = await python(environment, f"{stubborn}print('on', flush=True)\nwhile True: pass", deadline_s=1.5)
    assert (done.exit_code, done.timed_out, done.output) == (None, True, b"on\n")
    assert time.monotonic() - started < 30, "it would go on for ever"
    assert (await environment.run(["true"], deadline_s=5, output_bytes=100)).exit_code is None


async def test_files_arrive_as_they_are_and_cannot_be_changed(environment: ContainerEnvironment) -> None:
    data = bytes(range(256)) * 4096
    await environment.write_files({"a": data, "b": b""})
    done = await environment.run(["sha256sum", f"{INPUT}/a", f"{INPUT}/b"], deadline_s=10, output_bytes=4096)
    assert [line.split()[0] for line in done.output.decode().splitlines()] == [
        hashlib.sha256(data).hexdigest(),
        hashlib.sha256(b"").hexdigest(),
    ]
    assert (await python(environment, f"open('{INPUT}/a', 'w')")).exit_code == 1


def test_a_container_ends_with_the_process_that_made_it(docker_host: str, containers: Containers, runtime: str) -> None:
    program = f"""
import asyncio, os
from sandbox.container import Containers
from sandbox.spec import MIB, Limits
async def main():
    made = Containers({docker_host!r}, {{}}, {runtime!r}, Limits(run_timeout_s=5, memory_bytes=256 * MIB, pids=64))
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
    return id in {container.id for container in client.containers.list(all=True, ignore_removed=True)}


async def test_leftovers_are_swept_and_live_containers_are_not(
    containers: Containers, environment: ContainerEnvironment, docker_host: str
) -> None:
    with closing(docker.DockerClient(docker_host)) as client:
        expired = {EXPIRES: str(int(time.time()) - 1)}
        leftover = client.containers.run(IMAGE, ["sleep", "60"], detach=True, labels=expired, network_mode="none")
        assert await containers.sweep() == 1
        assert not _exists(client, str(leftover.id))
    assert (await python(environment, "print('alive')")).output == b"alive\n"


async def test_two_processes_on_one_engine_leave_each_other_alone(
    containers: Containers, environment: ContainerEnvironment, docker_host: str, runtime: str, limits: Limits
) -> None:
    later = Containers(docker_host, {}, runtime, limits, live=False)
    with closing(Containers(docker_host, {}, runtime, limits)) as other, closing(later):
        unhurried = await later.start(60, IMAGE)
        assert await other.sweep() == 0
        neighbour = await other.start(60, IMAGE)
        assert (await containers.sweep(), await containers.live()) == (0, 2)
        for each in (environment, neighbour):
            assert (await python(each, "print('alive')")).output == b"alive\n"
        await unhurried.close()
        await neighbour.close()
    assert (await python(environment, "print('alive')")).output == b"alive\n"


async def test_an_absent_engine_and_an_absent_image_are_told_apart(docker_host: str, limits: Limits) -> None:
    with pytest.raises(EngineAbsent):
        await Containers("unix:///nonexistent.sock", {}, "runc", limits).start(10, IMAGE)
    without_image = Containers(docker_host, {"python": "pr-telemetry/no-such-image:1"}, "runc", limits)
    with closing(without_image), pytest.raises(ImageMissing):
        await without_image.start(10, "python")


async def test_an_absent_runtime_is_named(docker_host: str, limits: Limits) -> None:
    with closing(Containers(docker_host, {}, "kata", limits)) as made, pytest.raises(RuntimeMissing, match="not kata"):
        await made.start(10, IMAGE)
