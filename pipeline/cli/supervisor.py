"""`python -m pipeline.cli.supervisor`: runs the embedded stack until SIGTERM, writing status.json on every change."""

import asyncio
import os
import shutil
import sys
import time
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from deploy.embedded.docker_engine import answering_daemon, obstacle, short_runtime_folder
from pipeline.cli.children import Child, spawn
from pipeline.cli.home import Home
from pipeline.cli.plan import Plan, Ports, Process, Step, docker_process, make_plan
from pipeline.cli.progress import Progress, group_lags, is_well
from pipeline.cli.readiness import is_ready
from pipeline.clock import now_us
from pipeline.consumer import stop_on_signals
from pipeline.settings import GatewaySettings, KafkaSettings, SinksSettings, StackSettings, load
from pipeline.telemetry import configure_logs, logger

START_S = 120.0
CHECK_S = 0.15
WATCH_S = 1.0
GROUPS_S = 15.0
LOCK_PATIENCE_S = 2.0
log = logger(__name__)


class StartFailed(Exception):
    """A part of the stack did not come up; the text says which, and where its log is."""


class Supervisor:
    """The stack of one home."""

    def __init__(self, home: Home, plan: Plan, notes: dict[str, str], addresses: dict[str, str]) -> None:
        self._home, self._plan, self._notes, self._addresses = home, plan, notes, addresses
        self._kafka = KafkaSettings.model_construct(
            kafka_bootstrap=addresses["KAFKA_BOOTSTRAP"], stall_s=load(KafkaSettings).stall_s
        )
        self._state, self._message = "starting", ""
        self._steps: dict[str, str] = {}
        self._groups: dict[str, dict[str, Any]] = {}
        self._children = {p.name: Child(p, home, plan.environ, self._write) for p in plan.processes}

    def _write(self) -> None:
        children = {name: child.report() for name, child in self._children.items()}
        self._home.write_status(
            {
                "state": self._state,
                "message": self._message,
                "pid": os.getpid(),
                "addresses": self._addresses,
                "docker_host": self._plan.environ.get("DOCKER_HOST"),
                "children": children,
                "steps": self._steps,
                "groups": self._groups,
                "notes": self._notes,
            }
        )

    def _become(self, state: str, message: str = "") -> None:
        self._state, self._message = state, message
        log.info("stack", state=state, message=message)
        self._write()

    async def run(self, stop: asyncio.Event) -> int:
        """Start everything, watch until `stop`, end everything. 0, or 1 when the start failed."""
        self._write()
        try:
            await self._until(stop, self._start())
            if not stop.is_set():
                self._become("ready")
                await self._until(stop, self._watch())
        except StartFailed as error:
            self._become("failed", str(error))
        failed = self._state == "failed"
        await self._stop()
        return int(failed)

    async def _until(self, stop: asyncio.Event, work: Coroutine[Any, Any, None]) -> None:
        task, stopped = asyncio.create_task(work), asyncio.create_task(stop.wait())
        await asyncio.wait({task, stopped}, return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        if not task.done():
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        else:
            task.result()

    async def _start(self) -> None:
        for stage in self._plan.stages:
            await asyncio.gather(*(self._start_part(part) for part in stage))

    async def _start_part(self, part: Step) -> None:
        try:
            await (self._start_child(part) if isinstance(part, Process) else self._run_step(part))
        except StartFailed as error:
            if not part.optional:
                raise
            self._notes[part.name] = str(error)
            self._write()

    async def _run_step(self, step: Step) -> None:
        self._steps[step.name] = "running"
        self._write()
        process = await spawn(step, self._home, self._plan.environ)
        try:
            code = await process.wait()
        except asyncio.CancelledError:
            process.kill()
            raise
        self._steps[step.name] = "done" if code == 0 else "failed"
        self._write()
        if code:
            raise StartFailed(self._why(step, "failed"))

    async def _start_child(self, part: Process) -> None:
        child = self._children[part.name]
        child.start()
        deadline = time.monotonic() + START_S
        while not await is_ready(part.ready, self._kafka):
            # Two exits in a row while starting are no accident; waiting longer only hides the reason.
            if child.restarts > 1 or child.state == "held" or time.monotonic() > deadline:
                await child.stop()
                child.become("failed")
                raise StartFailed(self._why(part, "does not start"))
            await asyncio.sleep(CHECK_S)
        child.become("ready")

    def _why(self, part: Step, what: str) -> str:
        return f"{part.name} {what}: {self._home.last_line(part.name)} (log: {self._home.log_file(part.name)})"

    async def _watch(self) -> None:
        await asyncio.gather(self._watch_children(), self._watch_groups())

    async def _watch_groups(self) -> None:
        progress = Progress(self._kafka.stall_s, load(SinksSettings).archive_segment_s)
        while names := [name for part in self._plan.processes for name in part.groups]:
            for name in names:
                found = await group_lags(self._kafka, name)
                if found is not None:
                    self._note_group(name, progress.look(name, found, time.monotonic(), now_us() // 1000))
            await asyncio.sleep(GROUPS_S)

    def _note_group(self, name: str, report: dict[str, Any]) -> None:
        if not is_well(report):
            log.warning("a consumer group is in trouble", group=name, **report)
        self._groups[name] = report
        self._write()

    async def _watch_children(self) -> None:
        while True:
            await asyncio.sleep(WATCH_S)
            for child in self._children.values():
                if child.state == "restarting" and await is_ready(child.part.ready, self._kafka):
                    child.become("ready")

    async def _stop(self) -> None:
        failed = self._state == "failed"
        if not failed:
            self._become("stopping")
        for stage in reversed(self._plan.stages):
            running = [self._children[part.name] for part in stage if part.name in self._children]
            await asyncio.gather(*(child.stop() for child in running))
        if not failed:
            self._become("stopped")


def _docker(runtime: Path) -> tuple[str, Process | None, dict[str, str]]:
    """Where the daemon is, the process that makes it if none answers, and a note where none can be had."""
    if running := answering_daemon():
        return running, None, {}
    host = f"unix://{runtime / 'd.sock'}"
    if reason := obstacle():
        return host, None, {"docker": reason}
    return host, docker_process(runtime / "d.sock"), {}


def main() -> int:
    """0 stopped on request; 1 the start failed; 2 another supervisor holds this home."""
    configure_logs("supervisor")
    stack, gateway = load(StackSettings), load(GatewaySettings)
    home = Home(stack.pr_telemetry_home.resolve())
    lock = home.lock(LOCK_PATIENCE_S)
    if lock is None:
        return 2
    lock.truncate(0)
    lock.write(str(os.getpid()))
    lock.flush()
    ports = Ports(gateway.gateway_port, stack.kafka_port, stack.clickhouse_port)
    runtime = short_runtime_folder()
    try:
        docker_host, own_docker, notes = _docker(runtime)
        plan = make_plan(home, ports, docker_host, own_docker, without_docker=bool(notes))

        async def supervise() -> int:
            return await Supervisor(home, plan, notes, ports.addresses()).run(stop_on_signals())

        return asyncio.run(supervise())
    finally:
        shutil.rmtree(runtime, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
