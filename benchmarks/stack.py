"""An embedded stack of its own for one measurement or test: free ports, a new home, nothing left behind."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from clients.http import TelemetryClient
from clients.retries import Retries
from deploy.embedded.ports import free_port
from pipeline.cli.home import Home
from pipeline.clickhouse import ClickHouse
from pipeline.settings import ClickHouseSettings

UP_S = 300
TOKEN = "dev_token_12345"


@dataclass(frozen=True)
class Stack:
    """A running stack. `environ` is what a child process needs to use the same one."""

    home: Home
    environ: Mapping[str, str]

    def cli(self, *args: str, timeout_s: float = UP_S) -> subprocess.CompletedProcess[str]:
        """Run `pr-telemetry` against this stack."""
        return subprocess.run(
            [sys.executable, "-m", "pipeline.cli", *args],
            env=dict(self.environ),
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )

    def client(self, retries: Retries | None = None) -> TelemetryClient:
        """A client of its gateway."""
        return TelemetryClient(self.home.status()["addresses"]["GATEWAY_URL"], TOKEN, retries=retries)

    def clickhouse(self) -> ClickHouse:
        """A connection of its analyst."""
        addresses = self.home.status()["addresses"]
        settings = ClickHouseSettings(
            clickhouse_url=addresses["CLICKHOUSE_URL"],
            clickhouse_analyst_password=addresses["CLICKHOUSE_ANALYST_PASSWORD"],
        )
        return ClickHouse(settings, analyst=True)

    def pid(self, name: str) -> int | None:
        """Process id of one of its processes, while it runs."""
        pid: int | None = self.home.status()["children"][name]["pid"]
        return pid


@contextmanager
def own_stack(extra: Mapping[str, str] | None = None) -> Iterator[Stack]:
    """Start a stack on free ports and end it afterwards. Raises RuntimeError with its log when it does not start."""
    with TemporaryDirectory(prefix="prt-home-") as folder:
        ports = {f"{name}_PORT": str(free_port()) for name in ("GATEWAY", "KAFKA", "CLICKHOUSE")}
        environ = {**os.environ, **ports, "PR_TELEMETRY_HOME": folder, **(extra or {})}
        stack = Stack(Home(Path(folder)), environ)
        try:
            done = stack.cli("up")
            if done.returncode:
                raise RuntimeError(f"{done.stdout}\n{done.stderr}\n{_last_lines(stack.home)}")
            yield stack
        finally:
            stack.cli("down")


def _last_lines(home: Home) -> str:
    logs = sorted((home.root / "logs").glob("*.log"))
    return "\n".join(f"== {log.name}\n" + "\n".join(log.read_text().splitlines()[-8:]) for log in logs)
