"""`python -m ingest_gateway`: serves until SIGTERM or SIGINT, then exits 0. Starts whether or not the broker is there.

Exits 1 when its own background work fails: the supervisor starts it again, and clients retry meanwhile.
"""

import asyncio
import logging
import sys

import uvicorn
import uvloop

from ingest_gateway.app import create_app
from ingest_gateway.connections import bounded
from ingest_gateway.control import Control, built_in_policies
from ingest_gateway.fresh import Fresh
from ingest_gateway.gateway import Gateway, assemble
from ingest_gateway.reads import Reads
from ingest_gateway.tracelog import APPEND_TIMEOUT_S, TraceLog
from pipeline.clickhouse import ClickHouse
from pipeline.clock import now_us
from pipeline.collector import spare_the_collector
from pipeline.consumer import stop_on_signals
from pipeline.kafka import make_consumer, make_producer
from pipeline.s3store import open_store
from pipeline.settings import (
    ClickHouseSettings,
    GatewaySettings,
    KafkaSettings,
    LogSettings,
    ObjectStoreSettings,
    load,
)
from pipeline.telemetry import configure_logs, logger
from pipeline.transport import gateway_context

GRACE_S = 10
log = logger(__name__)


def open_gateway(settings: GatewaySettings) -> Gateway:
    """The gateway of this process; nothing is connected yet. Raises BadSetting."""
    kafka, clickhouse = load(KafkaSettings), load(ClickHouseSettings)
    return assemble(
        settings,
        TraceLog(lambda: make_producer(kafka, request_timeout_ms=int(APPEND_TIMEOUT_S * 1000))),
        Control(lambda: make_consumer(kafka), built_in_policies(settings.mode)),
        open_store(load(ObjectStoreSettings)),
        Reads(lambda: ClickHouse(clickhouse)),
        Fresh(kafka),
        now_us,
    )


async def serve(settings: GatewaySettings) -> int:
    """Serve until a signal; returns the exit status."""
    failures: list[BaseException] = []
    stop = stop_on_signals()

    def failed(error: BaseException) -> None:
        failures.append(error)
        stop.set()

    tls = gateway_context(settings)
    config = uvicorn.Config(
        create_app(open_gateway(settings), failed),
        host=settings.gateway_host,
        port=settings.gateway_port,
        ssl_context_factory=(lambda *_: tls) if tls else None,
        # httptools, not h11: five times the requests per second here. Missing, it is an error instead of a fallback.
        http=bounded(settings),
        ws="none",
        lifespan="on",
        access_log=False,
        log_config=None,
        server_header=False,
        # Nothing here looks at the client's address.
        proxy_headers=False,
        timeout_graceful_shutdown=GRACE_S,
    )
    server = uvicorn.Server(config)
    # Not `serve()`: it would end the process by the signal itself, and a clean stop exits 0.
    serving = asyncio.create_task(server._serve())
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait((serving, stopping), return_when=asyncio.FIRST_COMPLETED)
    server.should_exit = True
    await serving
    stopping.cancel()
    return 1 if failures or not server.started else 0


def main() -> int:
    """Read the settings, serve on uvloop, return the exit status."""
    configure_logs("ingest_gateway", load(LogSettings).log_level)
    settings = load(GatewaySettings)
    if settings.mode == "development":
        log.warning("development mode: the well-known token and secrets are accepted")
    # In an outage the client library logs ten errors a second; what matters of them is logged here.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    spare_the_collector()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(serve(settings))


if __name__ == "__main__":
    sys.exit(main())
