"""Starts the servers of the comparison, each pinned to one core, and reads how much processor time they took.

What cannot be had here raises Absent with what to do; the comparison goes on without it.
"""

import asyncio
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2
from aiokafka.admin import NewTopic

from deploy.embedded.jars import cache_root
from deploy.embedded.ports import free_port
from pipeline.kafka import admin, ensure_topics
from pipeline.settings import KafkaSettings
from tests.support.ports import accepts_connections

READY_S = 60.0
STOP_S = 20.0
BUILD_S = 1200
TICKS = os.sysconf("SC_CLK_TCK")
POSTGRES = Path("/usr/lib/postgresql")
NOBODY = 65534
BUILDER = "go.opentelemetry.io/collector/cmd/builder@v0.145.0"
MANIFEST = Path(__file__).with_name("collector-build.yaml")
CONFIGURATION = Path(__file__).with_name("collector.yaml")
OTLP_TOPIC = "otlp-logs"


class Absent(Exception):
    """This server cannot be started here."""


@dataclass(frozen=True)
class Server:
    """A running server on 127.0.0.1."""

    port: int
    pids: tuple[int, ...]

    def cpu_s(self) -> float:
        """Processor seconds of its processes and their children so far."""
        return sum(_cpu_s(pid) for pid in family(self.pids))


def _stat(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):  # it has just ended
        return []


def _cpu_s(pid: int) -> float:
    fields = _stat(pid)
    return (int(fields[11]) + int(fields[12])) / TICKS if fields else 0.0


def family(pids: Sequence[int]) -> set[int]:
    """These processes and all that descend from them."""
    parents = {int(entry.name): _stat(int(entry.name)) for entry in Path("/proc").iterdir() if entry.name.isdigit()}
    found, grown = set(pids), True
    while grown:
        more = {pid for pid, fields in parents.items() if fields and int(fields[1]) in found} - found
        found, grown = found | more, bool(more)
    return found


@contextmanager
def pinned(
    command: Sequence[str | Path], core: int, port: int, environment: Mapping[str, str] | None = None, uid: int = 0
) -> Iterator[Server]:
    """A server process on one core, listening on entry and gone on exit. Raises Absent where it does not come up.

    `uid`: who runs it, where we are root; 0: ourselves.
    """
    with tempfile.NamedTemporaryFile() as log:
        child = subprocess.Popen(
            list(map(str, command)),
            env={**os.environ, **(environment or {})},
            stdout=log,
            stderr=log,
            user=uid or None,
            group=uid or None,
            preexec_fn=lambda: os.sched_setaffinity(0, {core}),
        )
        try:
            _await(child, port, Path(log.name))
            yield Server(port, (child.pid,))
        finally:
            child.terminate()
            try:
                child.wait(STOP_S)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()


def _await(child: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
    deadline = time.monotonic() + READY_S
    while not accepts_connections(port):
        if child.poll() is not None or time.monotonic() > deadline:
            raise Absent(f"{child.args!r} does not come up: {log.read_text(errors='replace')[-2000:]}")
        time.sleep(0.05)


def app(
    name: str, core: int, environment: Mapping[str, str] | None = None, lifespan: bool = False
) -> AbstractContextManager[Server]:
    """One of `benchmarks.peers.apps` under uvicorn as the gateway uses it: uvloop, httptools, no access log.

    `lifespan`: whether it has something to open first.
    """
    port = free_port()
    options = ["--loop", "uvloop", "--http", "httptools", "--no-access-log", "--log-level", "warning"]
    options += ["--lifespan", "on" if lifespan else "off"]
    command = [sys.executable, "-m", "uvicorn", f"benchmarks.peers.apps:{name}", "--port", str(port), *options]
    return pinned(command, core, port, environment)


@contextmanager
def broker(core: int, folder: Path) -> Iterator[KafkaSettings]:
    """The embedded broker with all topics, and one for the collector."""
    port = free_port()
    command = [sys.executable, "-m", "deploy.embedded.kafka", "--port", str(port), "--data-dir", str(folder / "kafka")]
    with pinned(command, core, port):
        kafka = KafkaSettings(kafka_bootstrap=f"127.0.0.1:{port}")
        asyncio.run(_make_topics(kafka))
        yield kafka


async def _make_topics(kafka: KafkaSettings) -> None:
    await ensure_topics(kafka)
    async with admin(kafka) as client:
        await client.create_topics([NewTopic(OTLP_TOPIC, 4, 1)])


@contextmanager
def gateway(core: int, kafka: KafkaSettings, folder: Path) -> Iterator[Server]:
    """The gateway as it is, in development mode; the rate of one caller is counted, but not limited."""
    port = free_port()
    environment = {
        "KAFKA_BOOTSTRAP": kafka.kafka_bootstrap,
        "MODE": "development",
        "GATEWAY_PORT": str(port),
        "RATE_LIMIT_CALLER_PER_S": "100000000",
        "OBJECT_STORE_DIR": str(folder / "objects"),
        "LOG_LEVEL": "WARNING",
    }
    with pinned([sys.executable, "-m", "ingest_gateway"], core, port, environment) as server:
        deadline = time.monotonic() + READY_S
        while httpx2.get(f"http://127.0.0.1:{port}/readyz").status_code != httpx2.codes.OK:
            if time.monotonic() > deadline:
                raise Absent("the gateway does not get ready")
            time.sleep(0.05)
        yield server


@contextmanager
def collector(core: int, kafka: KafkaSettings) -> Iterator[Server]:
    """An OpenTelemetry Collector: OTLP/HTTP in, the same broker out, `acks=all`, an answer only after the broker's.
    Built once with its own builder from the Go module proxy (two minutes)."""
    binary, port = _built_collector(), free_port()
    environment = {
        "COLLECTOR_PORT": str(port),
        "COLLECTOR_BROKER": kafka.kafka_bootstrap,
        "COLLECTOR_TOPIC": OTLP_TOPIC,
        "GOMAXPROCS": "1",
    }
    with pinned([binary, "--config", CONFIGURATION], core, port, environment) as server:
        yield server


def _built_collector() -> Path:
    folder = cache_root(os.environ) / "otelcol-0.145.0"
    binary = folder / "otelcol"
    if binary.is_file():
        return binary
    if shutil.which("go") is None:
        raise Absent("building the collector needs Go")
    print("building the OpenTelemetry Collector (once, about two minutes) ...", file=sys.stderr)
    with tempfile.TemporaryDirectory() as scratch:
        manifest = Path(scratch) / "manifest.yaml"
        manifest.write_text(MANIFEST.read_text().replace("OUTPUT", f"{scratch}/out"))
        command = ["go", "run", BUILDER, "--config", str(manifest)]
        done = subprocess.run(
            command,
            env={**os.environ, "GOFLAGS": "-mod=mod"},
            capture_output=True,
            text=True,
            timeout=BUILD_S,
            check=False,
        )
        if done.returncode:
            raise Absent(f"the collector cannot be built: {done.stderr[-500:]}")
        folder.mkdir(parents=True, exist_ok=True)
        shutil.move(f"{scratch}/out/otelcol", binary)
    return binary


@contextmanager
def naive(core: int, folder: Path) -> Iterator[Server]:
    """PostgreSQL as Debian ships it (fsync on) with a row per event, behind Starlette; both on the same core."""
    if importlib.util.find_spec("asyncpg") is None:
        raise Absent("the naive baseline needs asyncpg: pip install '.[bench]'")
    with _postgres(core, folder) as database:
        dsn = f"postgresql://postgres@127.0.0.1:{database.port}/postgres"
        with app("naive", core, {"NAIVE_DSN": dsn}, lifespan=True) as server:
            yield Server(server.port, (*server.pids, *database.pids))


@contextmanager
def _postgres(core: int, folder: Path) -> Iterator[Server]:
    found = sorted(POSTGRES.glob("*/bin/postgres"))
    if not found:
        raise Absent("the naive baseline needs PostgreSQL: apt-get install postgresql")
    uid, data, port = (NOBODY if os.getuid() == 0 else 0), folder / "postgres", free_port()
    data.mkdir()
    if uid:
        folder.chmod(0o755)
        os.chown(data, uid, uid)
    prepare = [found[-1].with_name("initdb"), "-D", data, "-U", "postgres", "--auth=trust"]
    subprocess.run(list(map(str, prepare)), check=True, stdout=subprocess.DEVNULL, user=uid or None, group=uid or None)
    command = list(map(str, (found[-1], "-D", data, "-p", port, "-h", "127.0.0.1", "-k", data)))
    with pinned(command, core, port, uid=uid) as server:
        yield server
