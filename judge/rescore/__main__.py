"""`python -m judge.rescore estimate|start|resume`: scores stored traces again, beside the live judge.

The request comes as a JSON document on standard input (judge/rescore/request.py); how far it is goes to standard error,
one JSON document to standard output. Exit status: 0 done, 1 done and some traces could not be read, 2 what is asked for
cannot be, 3 held or failed: `resume` goes on. Settings: JudgeSettings and those of all servers.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
from collections.abc import Sequence
from concurrent.futures import BrokenExecutor
from datetime import UTC, datetime
from typing import Any

from aiokafka.errors import KafkaError

from judge.rescore.planning import Servers, checked_name, estimate, freeze
from judge.rescore.request import BadRequest, Request, request_of
from judge.rescore.running import Run
from judge.rescore.showing import say
from pipeline.clickhouse import QueryFailed
from pipeline.errors import Explained, Invalid, Retryable
from pipeline.s3store import open_store
from pipeline.settings import ClickHouseSettings, JudgeSettings, KafkaSettings, ObjectStoreSettings, load
from pipeline.telemetry import logs_beside_results

NICENESS = 10
DONE, UNREADABLE, WRONG, HELD = 0, 1, 2, 3
_FAILURES = (Explained, Invalid, Retryable, QueryFailed, KafkaError, OSError)


async def _work(what: str, request: Request) -> tuple[int, dict[str, Any]]:
    objects = load(ObjectStoreSettings)
    servers = Servers(load(JudgeSettings), load(KafkaSettings), load(ClickHouseSettings), objects, open_store(objects))
    if what == "estimate":
        return DONE, await estimate(servers, request)
    new = what == "start"
    run_id = checked_name(request.run or (f"rescore-{datetime.now(UTC):%Y%m%d-%H%M%S}" if new else ""))
    if new:
        manifest = await freeze(servers, request, run_id)
        say(f"run {run_id}: {manifest.traces} traces; cut short, it goes on with `pr-telemetry run resume {run_id}`")
    ended = await Run(servers, run_id, request).to_the_end(new)
    document = ended.document()
    status = (UNREADABLE if document["unreadable"] else DONE) if document["done"] else HELD
    return status, document


def main(given: Sequence[str] | None = None) -> int:
    """See the module."""
    parser = argparse.ArgumentParser(prog="python -m judge.rescore", description=__doc__)
    parser.add_argument("what", choices=("estimate", "start", "resume"))
    what = parser.parse_args(given).what
    logs_beside_results()
    # Live work goes first on a machine that does both.
    os.setpriority(os.PRIO_PROCESS, 0, max(NICENESS, os.getpriority(os.PRIO_PROCESS, 0)))
    try:
        status, document = asyncio.run(_work(what, request_of(sys.stdin.read())))
    except BadRequest as error:
        say(str(error))
        return WRONG
    except KeyboardInterrupt:
        say("interrupted before the work began")
        return HELD
    except BrokenExecutor:
        say("stopped: a process of the pool died; is there memory for all of them? --parallel says how many")
        return HELD
    except _FAILURES as error:
        say(f"stopped: {' '.join(str(error).split()) or repr(error)}")
        return HELD
    sys.stdout.write(json.dumps(document) + "\n")
    return status


if __name__ == "__main__":
    sys.exit(main())
