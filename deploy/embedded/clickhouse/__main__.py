"""`python -m deploy.embedded.clickhouse --port P --data-dir D`: the server, until SIGTERM.

CLICKHOUSE_PASSWORD is the password of `default` (empty: none), CLICKHOUSE_ANALYST_PASSWORD that of the read-only
`analyst` (empty: there is no such user); further analysts and what all of them may take are settings (AnalystSettings).
Trusted local users only: see the package's docstring.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import signal
import time
from pathlib import Path
from types import FrameType

import uvicorn

from deploy.embedded.clickhouse.accounts import accounts
from deploy.embedded.clickhouse.admission import Admission
from deploy.embedded.clickhouse.app import ClickHouseApp
from deploy.embedded.clickhouse.engine import Engine
from deploy.embedded.clickhouse.sessions import Sessions
from pipeline.settings import AnalystSettings, load


class _Server(uvicorn.Server):
    """Ends the running queries as soon as it is asked to stop, instead of waiting for them."""

    def __init__(self, config: uvicorn.Config, app: ClickHouseApp, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(config)
        self._app = app
        self._loop = loop

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self._loop.call_soon_threadsafe(self._app.stop)
        super().handle_exit(sig, frame)


def main() -> None:
    """Serves until SIGTERM or SIGINT, then flushes the engine and exits with 0."""
    arguments = _parser().parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)  # uvicorn raises the signal anew after its own clean stop
    most = load(AnalystSettings)
    passwords = (os.environ.get("CLICKHOUSE_PASSWORD", ""), os.environ.get("CLICKHOUSE_ANALYST_PASSWORD", ""))
    known = accounts(*passwords, most.clickhouse_analysts)
    engine = Engine(arguments.data_dir.absolute(), arguments.database, most, arguments.also.split())
    sessions = Sessions(engine, time.monotonic)
    app = ClickHouseApp(engine, sessions, known, Admission(most, time.time))
    try:
        asyncio.run(_serve(app, engine.version, arguments.port))
    finally:
        sessions.close()
        engine.close()


async def _serve(app: ClickHouseApp, version: str, port: int) -> None:
    # Below CRITICAL uvicorn reports every result that broke off as a fault of the application.
    config = uvicorn.Config(
        app, host="127.0.0.1", port=port, lifespan="off", access_log=False, log_level="critical", timeout_keep_alive=75
    )
    logging.getLogger(__name__).info("ClickHouse engine %s on http://127.0.0.1:%d", version, port)
    await _Server(config, app, asyncio.get_running_loop()).serve()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m deploy.embedded.clickhouse", description=__doc__)
    parser.add_argument("--port", type=int, required=True, help="port on 127.0.0.1")
    parser.add_argument("--data-dir", type=Path, required=True, help="state of the engine")
    parser.add_argument("--database", default="telemetry", help="database that is made at the start")
    parser.add_argument("--also", default="", help="further databases that analysts read, with blanks between")
    return parser


if __name__ == "__main__":
    main()
