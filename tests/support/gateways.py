"""Gateways as processes of their own on real sockets, with eyes on what they hold; in production mode, if not told
otherwise."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2

from pipeline.kafka import ensure_topics
from pipeline.settings import ClickHouseSettings, KafkaSettings
from sinks.migrate import migrate
from tests.support.ports import accepts_connections, free_port
from tests.support.processes import Process, start

TOKEN, PROJECT = "token-of-replicas", "alpha"
SECRETS = {"GATEWAY_SECRET": "s" * 32, "RECEIPT_KEY": "ab" * 32, "GATEWAY_TOKENS": f"{PROJECT}:{TOKEN}"}
CALLER = {"Authorization": f"Bearer {TOKEN}"}
TRACE = {
    "participant_id": "p1",
    "consent": "research",
    "task_id": "t1",
    "task_title": "Off by one",
    "repo_origin": "https://example.org/r.git",
}
READY_S = 60


@dataclass
class Peak:
    """Resident memory before, at most, and after, MiB."""

    before_mib: float
    most_mib: float = 0.0
    after_mib: float = 0.0

    @property
    def growth_mib(self) -> float:
        """How much it was above the beginning, at most."""
        return self.most_mib - self.before_mib


class Replica:
    """One gateway on a port that it keeps, however often it is killed and started. All replicas have equal secrets."""

    def __init__(self, kafka: KafkaSettings, folder: Path) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._log = folder / f"gateway-{self.port}.log"
        self._process: Process | None = None
        self._environment = {
            **SECRETS,
            "MODE": "production",
            "GATEWAY_PORT": str(self.port),
            "KAFKA_BOOTSTRAP": kafka.kafka_bootstrap,
            "OBJECT_STORE_DIR": str(folder / "objects"),
            "RATE_LIMIT_CALLER_PER_S": "0",
        }

    def start(self, settings: Mapping[str, str] | None = None) -> None:
        """Start the process; it may not answer yet."""
        command = [sys.executable, "-m", "ingest_gateway"]
        self._process = start(command, self._log, {**self._environment, **(settings or {})})

    async def ready(self) -> None:
        """Returns once it would take a chunk."""
        await asyncio.to_thread(self.process.wait_until, self._answers, READY_S)

    def _answers(self) -> bool:
        return accepts_connections(self.port) and httpx2.get(f"{self.url}/readyz").status_code == 200

    @property
    def process(self) -> Process:
        """The process; it was started before."""
        assert self._process is not None
        return self._process

    def stop(self) -> None:
        """SIGTERM, where it runs."""
        if self._process is not None:
            self._process.stop()

    def resident_mib(self) -> float:
        """Resident memory now (`VmRSS` of proc(5))."""
        return self._memory_mib("VmRSS")

    @contextmanager
    def peak(self) -> Iterator[Peak]:
        """How far resident memory rises meanwhile (`VmHWM` of proc(5)); known at the end."""
        Path(f"/proc/{self.process.pid}/clear_refs").write_text("5")
        seen = Peak(self.resident_mib())
        yield seen
        seen.after_mib, seen.most_mib = self.resident_mib(), self._memory_mib("VmHWM")

    def _memory_mib(self, name: str) -> float:
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith(f"{name}:"))
        return int(line.split()[1]) / 1024

    def descriptors(self) -> int:
        """How many files and sockets are open in it now."""
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    async def answers_with_5xx(self) -> list[str]:
        """The lines of its metrics that count answers above 499, but for 503."""
        async with httpx2.AsyncClient(base_url=self.url) as http:
            text = (await http.get("/metrics")).text
        lines = [
            line for line in text.splitlines() if line.startswith("gateway_requests_total") and 'status="5' in line
        ]
        return [line for line in lines if 'status="503"' not in line]

    async def open(self, http: httpx2.AsyncClient) -> dict[str, Any]:
        """Create a trace here; what was answered."""
        answer = await http.post(f"{self.url}/v1/traces", json=TRACE, headers=CALLER)
        assert answer.status_code == 201, answer.text
        created: dict[str, Any] = answer.json()
        return created


@asynccontextmanager
async def serving(
    bootstrap: str, rows: ClickHouseSettings, folder: Path, settings: Mapping[str, str] | None = None
) -> AsyncIterator[Replica]:
    """A ready gateway that reads these rows, for the development token; missing topics and tables are made."""
    kafka = KafkaSettings(kafka_bootstrap=bootstrap)
    await ensure_topics(kafka)
    migrate(rows)
    reads = {"CLICKHOUSE_URL": rows.clickhouse_url, "CLICKHOUSE_DATABASE": rows.clickhouse_database}
    with replicas(kafka, folder) as [replica]:
        replica.start({"MODE": "development", "GATEWAY_TOKENS": "", **reads, **(settings or {})})
        await replica.ready()
        yield replica


@contextmanager
def replicas(kafka: KafkaSettings, folder: Path, count: int = 1) -> Iterator[list[Replica]]:
    """So many gateways, not started yet, gone afterwards."""
    made = [Replica(kafka, folder) for _ in range(count)]
    try:
        yield made
    finally:
        for replica in made:
            replica.stop()
