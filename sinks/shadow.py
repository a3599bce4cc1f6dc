"""`python -m sinks.shadow build|check|swap|drop --run NAME`: the tables of the sinks, rebuilt beside the live ones.

Prints one JSON object on standard output, progress and logs on standard error. Exit status: 0 done, or equal; 1 the
check found differences; 3 it could not be done, and goes on when it is called again.
"""

import argparse
import asyncio
import sys
import time
from collections.abc import Awaitable
from dataclasses import asdict
from typing import Any

import orjson
from aiokafka.errors import KafkaError
from aiokafka.structs import TopicPartition

from pipeline.clickhouse import QueryFailed
from pipeline.collector import spare_the_collector
from pipeline.errors import Explained, Invalid, Retryable
from pipeline.replay import Hole
from pipeline.s3store import open_store
from pipeline.settings import ClickHouseSettings, KafkaSettings, ObjectStoreSettings, load
from pipeline.telemetry import logs_beside_results
from sinks.shadow_build import Filled
from sinks.shadow_run import Request, ShadowRun
from sinks.shadow_state import State
from sinks.steps import BadMigration

DIFFERENT, FAILED = 1, 3
SAY_EVERY_S = 2.0
ACTIONS = ("build", "check", "swap", "drop")


class Progress:
    """A line now and then: where it is, and how fast rows come."""

    def __init__(self) -> None:
        self._said = time.monotonic()

    def __call__(self, place: TopicPartition, reached: int, end: int, done: Filled) -> None:
        """Say it, if it is time."""
        if time.monotonic() - self._said >= SAY_EVERY_S:
            self._said = time.monotonic()
            at = f"{place.topic}/{place.partition} {reached} of {end}"
            _say(f"{at}: {done.records} records, {done.rows} rows, {done.rows_per_s} a second")


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


async def act(action: str, run: ShadowRun, request: Request) -> tuple[dict[str, Any], int]:
    """Do it; what to print, and the exit status."""
    about: dict[str, Any] = {"database": run.name, "action": action}
    if action == "build":
        done = await run.build(request)
        told = {"records": done.records, "rows": done.rows, "rows_per_s": done.rows_per_s, "refused": done.refused}
        return {**about, **told, **_told(run.state())}, 0
    if action == "check":
        found = await run.check()
        equal = not found.differences
        return {**about, "equal": equal, **asdict(found), **_told(run.state())}, 0 if equal else DIFFERENT
    if action == "swap":
        return {**about, **_told(await run.swap())}, 0
    return {**about, "dropped": run.drop()}, 0


def _told(state: State | None) -> dict[str, Any]:
    return {"swapped": state.turned, "topics": state.topics, "ends": state.ends} if state else {}


async def _acted(work: Awaitable[tuple[dict[str, Any], int]], run: ShadowRun) -> tuple[dict[str, Any], int]:
    try:
        return await work
    finally:
        run.close()


def main() -> None:
    """Entry point of the command."""
    parser = argparse.ArgumentParser(prog="python -m sinks.shadow", description=__doc__)
    parser.add_argument("action", choices=ACTIONS)
    parser.add_argument("--run", required=True, metavar="NAME")
    parser.add_argument("--topic", action="append", default=[], help="only this one; all that the sinks read")
    parser.add_argument("--since-ms", type=int)
    parser.add_argument("--until-ms", type=int)
    given = parser.parse_args()
    logs_beside_results()
    spare_the_collector()
    request = Request(tuple(given.topic), given.since_ms, given.until_ms)
    try:
        store, kafka = open_store(load(ObjectStoreSettings)), load(KafkaSettings)
        run = ShadowRun(given.run, load(ClickHouseSettings), kafka, store, Progress())
        document, status = asyncio.run(_acted(act(given.action, run, request), run))
    except (Explained, Hole, Invalid, Retryable, QueryFailed, BadMigration, KafkaError, OSError, ValueError) as error:
        _say(" ".join(str(error).split()))
        raise SystemExit(FAILED) from None
    sys.stdout.buffer.write(orjson.dumps(document, option=orjson.OPT_APPEND_NEWLINE))
    raise SystemExit(status)


if __name__ == "__main__":
    main()
