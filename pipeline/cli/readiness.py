"""Whether a part of the stack is ready: the kinds of check that a plan names."""

import asyncio
from collections.abc import Awaitable, Sequence
from typing import Any

import httpx2
from aiokafka.errors import KafkaError

from pipeline.errors import Explained
from pipeline.kafka import admin
from pipeline.settings import KafkaSettings

TIMEOUT_S = 2.0


async def _url(url: str) -> bool:
    try:
        async with httpx2.AsyncClient(timeout=TIMEOUT_S) as client:
            return (await client.get(url)).status_code == 200
    except httpx2.HTTPError:
        return False


async def _connects(opening: Awaitable[tuple[asyncio.StreamReader, asyncio.StreamWriter]]) -> bool:
    try:
        _, writer = await asyncio.wait_for(opening, TIMEOUT_S)
    except (OSError, TimeoutError):
        return False
    writer.close()
    return True


async def _groups(names: Sequence[str], kafka: KafkaSettings) -> bool:
    """All of them stable with members: every partition has its reader."""
    try:
        async with admin(kafka) as client:
            # One at a time: an answer to several comes from one coordinator, which need not be that of all.
            answers = [await client.describe_consumer_groups([name]) for name in names]
    except (KafkaError, OSError, Explained):
        return False
    return all(_stable(*answer[0].groups[0]) for answer in answers)


def _stable(_error: int, _name: str, state: str, _kind: str, _protocol: str, members: Sequence[Any], *_: Any) -> bool:
    return state == "Stable" and bool(members)


async def is_ready(check: str, kafka: KafkaSettings) -> bool:
    """Run one check of the forms that `plan.Process.ready` describes."""
    kind, _, rest = check.partition(":")
    match kind:
        case "tcp":
            return await _connects(asyncio.open_connection("127.0.0.1", int(rest)))
        case "unix":
            return await _connects(asyncio.open_unix_connection(rest))
        case "groups":
            return await _groups(rest.split(","), kafka)
        case _:
            return await _url(check)
