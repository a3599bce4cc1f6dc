"""Environments that are Docker containers; the only module that knows the Docker client.

What a container may do is said in `hardening`. Its first process reads a pipe that this process holds open, so that it
ends, with everything in it, when this process does; a deadline inside and one outside end it otherwise. The client
blocks, so every call is made in a thread; each container has threads of its own, so that a kill never waits for a stuck
read.
"""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from typing import Any, ParamSpec, TypeVar

import docker
import requests
from docker.errors import APIError, DockerException, ImageNotFound, NotFound
from docker.models.containers import Container
from docker.utils.socket import STDOUT, frames_iter

from sandbox import hardening
from sandbox.environment import INPUT, EngineAbsent, EngineLost, ExecResult, ImageMissing, RuntimeMissing
from sandbox.hardening import EXPIRES, LIVE, PREPARING, RUNNING
from sandbox.spec import Limits
from sandbox.transfer import Capped, packed

DEFAULT_HOST = "unix:///var/run/docker.sock"
API_TIMEOUT_S = 30
KILL_GRACE_S = 10.0
# Exit codes that are a command's own, or mean that there is no container any more: 137 runc's, 126 and 128 gVisor's.
AMBIGUOUS = frozenset({None, 126, 128, 137})
ANSWER_BYTES = 64 * 1024
AT_ONCE = 3  # calls to one container: two commands that know of one another, and its end
OOM_COUNTERS = ("/sys/fs/cgroup/memory/memory.oom_control", "/sys/fs/cgroup/memory.events")  # cgroup v1, v2
_FAILURES = (DockerException, requests.exceptions.RequestException, OSError)
P = ParamSpec("P")
T = TypeVar("T")


class Containers:
    """Makes containers on one engine; `images` are names by key, `live` whether they follow their traces.

    Connects when first used.
    """

    def __init__(
        self, docker_host: str | None, images: Mapping[str, str], runtime: str, limits: Limits, *, live: bool = True
    ) -> None:
        self._host, self._images, self._runtime, self._limits = docker_host, images, runtime, limits
        self._are_live = live
        self._client: docker.DockerClient | None = None
        self._connecting = asyncio.Lock()

    async def start(self, lifetime_s: float, image: str) -> ContainerEnvironment:
        """See Environments."""
        client = await self._connected()
        threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="sandbox")
        try:
            name = self._images.get(image, image)
            return await _in_thread(threads, self._start, client, threads, lifetime_s, name)
        except BaseException:
            threads.shutdown(wait=False)
            raise

    async def sweep(self) -> int:
        """Removes containers that outlived a crash of their process; returns how many. Raises as `start` does."""
        client = await self._connected()
        return await _in_thread(None, _sweep, client, time.time())

    async def live(self) -> int:
        """How many live containers run on the engine, whoever made them. Raises as `start` does."""
        client = await self._connected()
        return len(await _in_thread(None, client.api.containers, filters={"label": f"{LIVE}=yes"}))

    def close(self) -> None:
        """Give the connections back."""
        if self._client is not None:
            self._client.close()

    async def _connected(self) -> docker.DockerClient:
        if not _listening(self._host or DEFAULT_HOST):
            raise EngineAbsent(f"nothing listens at {self._host or DEFAULT_HOST}")
        try:
            async with self._connecting:
                if self._client is None:
                    self._client = await asyncio.to_thread(self._connect)
            await asyncio.to_thread(self._client.ping)
        except _FAILURES as error:
            raise EngineAbsent(f"{self._host or DEFAULT_HOST}: {error}") from error
        return self._client

    def _connect(self) -> docker.DockerClient:
        client = docker.DockerClient(self._host or DEFAULT_HOST, timeout=API_TIMEOUT_S)
        offered = client.info()["Runtimes"]
        if self._runtime not in offered:
            client.close()
            raise RuntimeMissing(f"the engine offers {', '.join(sorted(offered))}, not {self._runtime}")
        return client

    def _start(
        self, client: docker.DockerClient, threads: ThreadPoolExecutor, lifetime_s: float, name: str
    ) -> ContainerEnvironment:
        try:
            image = client.images.get(name)
        except ImageNotFound as error:
            raise ImageMissing(name) from error
        options = hardening.options(self._limits, self._runtime, lifetime_s, time.time(), live=self._are_live)
        container = client.containers.create(image, **options)
        try:
            lifeline = container.attach_socket(params={"stdin": 1, "stream": 1})
            container.start()
            facts = {"image": name, "image_id": str(image.id), "engine": str(client.version()["Version"])}
            known = facts | hardening.facts(self._limits, self._runtime)
            environment = ContainerEnvironment(container, threads, lifeline, known)
            environment.prepare()
        except BaseException:
            container.remove(force=True)
            raise
        return environment


class ContainerEnvironment:
    """One running container; see Environment."""

    def __init__(self, container: Container, threads: ThreadPoolExecutor, lifeline: Any, facts: dict[str, str]) -> None:
        self._container, self._threads, self._lifeline, self._facts = container, threads, lifeline, facts
        self._api: Any = container.client.api if container.client else None
        self._met_untrusted = self._closed = False
        self._started_s = time.time()

    def prepare(self) -> None:
        """Make the folder for input; called once, in a thread."""
        self._exec(["mkdir", "-p", INPUT], {"user": PREPARING}, Capped(1024))

    def describe(self) -> dict[str, str]:
        """See Environment."""
        return dict(self._facts)

    async def write_files(self, files: Mapping[str, bytes]) -> None:
        """See Environment. The archive goes through a command's input, as a read-only container takes no copy."""
        archive = packed(files)
        command = ["sh", "-c", f"head -c {len(archive)} | tar -xf - -C {INPUT}"]
        await _in_thread(self._threads, self._feed, command, archive)

    async def run(
        self,
        command: Sequence[str],
        *,
        trusted: bool = False,
        deadline_s: float,
        output_bytes: int,
        folder: str = "/",
        environment: Mapping[str, str] | None = None,
        stdin: bytes | None = None,
        report_bytes: int = 0,
    ) -> ExecResult:
        """See Environment."""
        started, output = time.monotonic_ns(), Capped(output_bytes)
        self._met_untrusted |= not trusted
        report = Capped(report_bytes) if report_bytes else None
        how = {"user": PREPARING if trusted else RUNNING, "workdir": folder, "environment": dict(environment or {})}
        reading = asyncio.ensure_future(
            _in_thread(self._threads, self._exec, list(command), how, output, report, stdin)
        )
        try:
            done, _ = await asyncio.wait({reading}, timeout=deadline_s)
            if not done:
                await self._kill()
                await asyncio.wait({reading}, timeout=KILL_GRACE_S)
            exit_code = await self._exit_code(reading) if done else None
        finally:
            _forget(reading)
        duration_us = (time.monotonic_ns() - started) // 1000
        whole = None if report is None or report.truncated else report.joined()
        return ExecResult(exit_code, output.joined(), output.truncated, not done, duration_us, whole)

    async def _exit_code(self, reading: asyncio.Future[int | None]) -> int | None:
        """None where the container is gone: the doing of what ran in it, if it was not ours alone so far."""
        try:
            exit_code = reading.result()
            if exit_code not in AMBIGUOUS or await self._lives():
                return exit_code
        except EngineLost as error:
            if not (self._met_untrusted and _says_gone(error.__cause__)):
                raise
        if not self._met_untrusted:
            raise EngineLost("the container ended by itself")
        return None

    async def _lives(self) -> bool:
        try:
            return await _in_thread(self._threads, self._exec, ["true"], {"user": PREPARING}, Capped(1024)) == 0
        except EngineLost as error:
            if _says_gone(error.__cause__):
                return False
            raise

    async def out_of_memory(self) -> bool:
        """See Environment. Where the container is gone, gVisor with it, only the engine knows."""
        try:
            counters = await self._output(["cat", *OOM_COUNTERS])
        except EngineLost:
            counters = ""
        killed = (line.split() for line in counters.splitlines() if line.startswith("oom_kill "))
        return any(count != "0" for _, count in killed) or await _in_thread(self._threads, self._was_starved)

    async def close(self) -> None:
        """See Environment."""
        if self._closed:
            return
        self._closed = True
        await self._kill()
        _hang_up(self._lifeline)
        self._threads.shutdown(wait=False)

    async def _kill(self) -> None:
        with suppress(EngineLost):
            await _in_thread(self._threads, self._remove)

    def _remove(self) -> None:
        with suppress(NotFound):
            self._container.remove(force=True)

    async def _output(self, command: list[str]) -> str:
        output = Capped(4096)
        await _in_thread(self._threads, self._exec, command, {"user": PREPARING}, output)
        return output.joined().decode(errors="replace")

    def _was_starved(self) -> bool:
        told = {"container": [self._container.id], "event": ["oom"]}
        until = time.time() + 0.001  # of the past only, or the engine would go on to tell
        with closing(self._api.events(since=self._started_s, until=until, filters=told)) as events:
            return any(True for _ in events)

    def _exec(
        self,
        command: list[str],
        how: dict[str, Any],
        output: Capped,
        report: Capped | None = None,
        stdin: bytes | None = None,
    ) -> int | None:
        name = self._api.exec_create(self._container.id, command, stdin=stdin is not None, **how)["Id"]
        with self._talking(name) as connection:
            if stdin is not None:
                getattr(connection, "_sock", connection).sendall(stdin)
            for stream, chunk in frames_iter(connection, tty=False):  # type: ignore[no-untyped-call]
                (report if stream == STDOUT and report else output).add(chunk)
        exit_code: int | None = self._api.exec_inspect(name)["ExitCode"]
        return exit_code

    @contextmanager
    def _talking(self, name: str) -> Iterator[Any]:
        """The raw connection to a command that begins, closed at the end; and where it is refused, as the container is
        gone, since a refused stream would keep its connection until somebody collects it."""
        try:
            opened = self._api.exec_start(name, socket=True)
        except APIError as error:
            if error.response is not None:
                error.response.close()
            raise
        try:
            yield opened
        finally:
            _hang_up(opened)

    def _feed(self, command: list[str], data: bytes) -> None:
        name = self._api.exec_create(self._container.id, command, user=PREPARING, stdin=True)["Id"]
        with self._talking(name) as connection:
            getattr(connection, "_sock", connection).sendall(data)
            answer = connection.read(ANSWER_BYTES)
        if self._api.exec_inspect(name)["ExitCode"] != 0:
            raise EngineLost(f"{len(data)} bytes could not be written: {answer[-200:]!r}")


def _listening(docker_host: str) -> bool:
    # asked by ourselves, because the client leaves the socket of a refused connection open
    if not docker_host.startswith("unix://"):
        return True
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(docker_host.removeprefix("unix://")) == 0


def _hang_up(connection: Any) -> None:
    # together with the response, which shares the descriptor
    with suppress(OSError, ValueError):
        connection._response.close()


def _sweep(client: docker.DockerClient, now_s: float) -> int:
    removed = 0
    for container in client.containers.list(all=True, filters={"label": EXPIRES}, ignore_removed=True):
        if int(container.labels[EXPIRES]) < now_s:
            with suppress(NotFound, APIError):
                container.remove(force=True)
                removed += 1
    return removed


def _says_gone(error: BaseException | None) -> bool:
    return isinstance(error, APIError) and error.status_code in {404, 409}


async def _in_thread(threads: ThreadPoolExecutor | None, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    try:
        return await asyncio.get_running_loop().run_in_executor(threads, lambda: call(*args, **kwargs))
    except _FAILURES as error:
        raise EngineLost(f"{type(error).__name__}: {error}"[:500]) from error


def _forget(reading: asyncio.Future[int | None]) -> None:
    """Take or drop what a read has come to, so that nobody reports it as lost."""
    if not reading.done():
        reading.cancel()
    elif not reading.cancelled():
        reading.exception()
