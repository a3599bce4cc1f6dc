"""What the embedded stack consists of: processes and one-shot steps in stages, each with its readiness check. Pure."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.cli.home import Home
from pipeline.settings import KafkaSettings

# The stack listens on the loopback address only and is for trusted local users; a server has its own accounts.
ANALYST_PASSWORD = "analyst"
SANDBOX_IMAGE = ("deploy.embedded.sandbox_image", ("ensure",))
OTHERWISE = {"kafka_bootstrap", "topic_profile", "stall_s"}
# The embedded servers speak in the clear, whatever the environment says of others: empty means unset.
IN_THE_CLEAR = dict.fromkeys(
    (
        *(
            name.upper()
            for name in KafkaSettings.model_fields
            if name not in {"kafka_bootstrap", "topic_profile", "stall_s"}
        ),
        *("KAFKA_SASL_PASSWORD_FILE", "CLICKHOUSE_ANALYST_PASSWORD_FILE"),
        *("CLICKHOUSE_CA_FILE", "GATEWAY_TLS_CERT", "GATEWAY_TLS_KEY"),
    ),
    "",
)
# Service -> its module, and the consumer groups that work in it.
SERVICES = {
    "streams": ("streams", ("streams",)),
    "notary": ("streams.notary", ("notary",)),
    "sinks": ("sinks", ("sinks", "eraser", "archiver")),
    "sandbox": ("sandbox", ("sandbox",)),
    "judge": ("judge", ("judge",)),
}


@dataclass(frozen=True, slots=True)
class Step:
    """A module run once, which must end with 0 before the next stage starts.

    An optional part that cannot be had is reported, and the stack goes on without it.
    """

    name: str
    module: str
    args: tuple[str, ...] = ()
    optional: bool = False

    @property
    def argv(self) -> list[str]:
        return [sys.executable, "-m", self.module, *self.args]


@dataclass(frozen=True, slots=True)
class Process(Step):
    """A module that is kept running. `ready` is a URL that answers 200, `tcp:PORT`, `unix:PATH` or
    `groups:NAME,...`."""

    ready: str = ""

    @property
    def groups(self) -> list[str]:
        """The consumer groups that it has to keep stable, and whose progress is watched."""
        kind, _, names = self.ready.partition(":")
        return names.split(",") if kind == "groups" else []


@dataclass(frozen=True, slots=True)
class Plan:
    """Stages in order; within a stage everything starts at once. `environ` is what every process gets on top."""

    stages: tuple[tuple[Step, ...], ...]
    environ: Mapping[str, str] = field(default_factory=dict)

    @property
    def processes(self) -> list[Process]:
        return [part for stage in self.stages for part in stage if isinstance(part, Process)]


@dataclass(frozen=True, slots=True)
class Ports:
    """Ports of the stack, all on the loopback address."""

    gateway: int
    kafka: int
    clickhouse: int

    def addresses(self) -> dict[str, str]:
        """Setting -> value, as the services and the commands need them to find one another."""
        return {
            "GATEWAY_URL": f"http://127.0.0.1:{self.gateway}",
            "KAFKA_BOOTSTRAP": f"127.0.0.1:{self.kafka}",
            "CLICKHOUSE_URL": f"http://127.0.0.1:{self.clickhouse}",
            "CLICKHOUSE_ANALYST_PASSWORD": ANALYST_PASSWORD,
        }


def docker_process(socket: Path) -> Process:
    """Our own Docker engine on a socket."""
    args = ("run", "--socket", str(socket))
    return Process("docker", "deploy.embedded.docker_engine", args, optional=True, ready=f"unix:{socket}")


def make_plan(
    home: Home, ports: Ports, docker_host: str, own_docker: Process | None, *, without_docker: bool = False
) -> Plan:
    """The whole stack. `docker_host` is where the sandbox finds a daemon; `own_docker` starts one there.

    `without_docker` says that there will be none: nothing tries to build an image with it then.
    """
    kafka = Process(
        "kafka",
        "deploy.embedded.kafka",
        ("--port", str(ports.kafka), "--data-dir", str(home.data("kafka"))),
        ready=f"tcp:{ports.kafka}",
    )
    clickhouse = Process(
        "clickhouse",
        "deploy.embedded.clickhouse",
        ("--port", str(ports.clickhouse), "--data-dir", str(home.data("clickhouse"))),
        ready=f"http://127.0.0.1:{ports.clickhouse}/ping",
    )
    engines = (kafka, clickhouse, *([own_docker] if own_docker else []))
    once = (
        Step("topics", "pipeline.cli.topics"),
        Step("migrations", "sinks.migrate"),
        *([] if without_docker else [Step("sandbox-image", *SANDBOX_IMAGE, optional=True)]),
    )
    gateway = Process("ingest_gateway", "ingest_gateway", ready=f"http://127.0.0.1:{ports.gateway}/readyz")
    readers = [Process(name, module, ready=f"groups:{','.join(groups)}") for name, (module, groups) in SERVICES.items()]
    return Plan((engines, once, (gateway, *readers)), _environ(home, ports, docker_host))


def _environ(home: Home, ports: Ports, docker_host: str) -> dict[str, str]:
    return {
        **IN_THE_CLEAR,
        **ports.addresses(),
        "GATEWAY_PORT": str(ports.gateway),
        "MODE": "development",
        "OBJECT_STORE_DIR": str(home.data("objects")),
        "DOCKER_HOST": docker_host,
        "PYTHONUNBUFFERED": "1",
    }
