"""`python -m sandbox.revalidate --run NAME`: validates stored traces again, beside the live group and never as live.

Trace ids come on standard input, one a line; progress goes to standard error, one JSON document with the counts to
standard output. Exit status: 0 all done, 1 some could not be read, 3 the machinery or a server failed: start the same
run again. Settings as of the sandbox, and ClickHouseSettings.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
from collections.abc import Sequence
from contextlib import closing

from aiokafka.errors import KafkaError

from pipeline.clickhouse import ClickHouse, QueryFailed
from pipeline.clock import now_us
from pipeline.errors import Explained, Invalid, Retryable
from pipeline.kafka import make_producer, start
from pipeline.replay import Log
from pipeline.s3store import open_store
from pipeline.settings import ClickHouseSettings, KafkaSettings, ObjectStoreSettings, SandboxSettings, load
from pipeline.telemetry import logs_beside_results
from sandbox.configured import containers_of, validator_of
from sandbox.environment import EngineAbsent, EngineLost, RuntimeMissing
from sandbox.revalidation import MachineryFailed, Run, Tally
from sandbox.yielding import Yielding
from schemas.codec import encode
from schemas.records import TraceValidated
from schemas.topics import TRACE_VALIDATED

NICENESS = 10
DONE, UNREADABLE, OURS = 0, 1, 3
_FAILURES = (
    *(MachineryFailed, EngineAbsent, EngineLost, RuntimeMissing),
    *(Explained, Invalid, Retryable, QueryFailed, KafkaError, OSError),
)


async def run(run_id: str, trace_ids: Sequence[str], parallel: int, tally: Tally) -> None:
    """Do it with what the settings name. Raises MachineryFailed, and what servers raise that do not answer."""
    settings, kafka = load(SandboxSettings), load(KafkaSettings)
    store, producer = open_store(load(ObjectStoreSettings)), make_producer(kafka)
    containers, clickhouse = containers_of(settings, live=False), ClickHouse(load(ClickHouseSettings))

    async def publish(validation: TraceValidated) -> None:
        await producer.send_and_wait(TRACE_VALIDATED.name, encode(validation), key=validation.trace_id.encode())

    validator = validator_of(settings, Yielding(containers, now_us), store, publish)
    with closing(containers), closing(clickhouse):
        try:
            await containers.sweep()
            await start(producer)
            made = Run(
                run_id=run_id,
                validator=validator,
                clickhouse=clickhouse,
                log=Log(store, kafka),
                parallel=parallel,
                tally=tally,
                say=_say,
            )
            await made.over(trace_ids)
        finally:
            await producer.stop()


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


def _arguments(given: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m sandbox.revalidate", description=__doc__)
    parser.add_argument("--run", required=True, help="name of the run, in every result")
    parser.add_argument("--parallel", type=int, default=1, help="traces validated at once")
    return parser.parse_args(given)


def main(given: Sequence[str] | None = None) -> int:
    """See the module."""
    arguments = _arguments(given)
    trace_ids = sys.stdin.read().split()
    logs_beside_results()
    os.nice(NICENESS)
    tally = Tally(len(trace_ids))
    try:
        asyncio.run(run(arguments.run, trace_ids, arguments.parallel, tally))
        status = UNREADABLE if tally.unreadable else DONE
    except _FAILURES as error:
        _say(f"stopped: {' '.join(str(error).split()) or repr(error)}")
        status = OURS
    sys.stdout.write(json.dumps(tally.document(arguments.run)) + "\n")
    return status


if __name__ == "__main__":
    sys.exit(main())
