"""Whether a part of the stack is ready: the kinds of check that a plan names."""

import asyncio
from collections.abc import Awaitable

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


async def _group(name: str, kafka: KafkaSettings) -> bool:
    """Stable with members: every partition has its reader."""
    try:
        async with admin(kafka) as client:
            (answer,) = await client.describe_consumer_groups([name])
            _error, _name, state, _kind, _protocol, members, *_ = answer.groups[0]
    except (KafkaError, OSError, Explained):
        return False
    return bool(state == "Stable" and members)


async def is_ready(check: str, kafka: KafkaSettings) -> bool:
    """Run one check of the forms that `plan.Process.ready` describes."""
    kind, _, rest = check.partition(":")
    match kind:
        case "tcp":
            return await _connects(asyncio.open_connection("127.0.0.1", int(rest)))
        case "unix":
            return await _connects(asyncio.open_unix_connection(rest))
        case "group":
            return await _group(rest, kafka)
        case _:
            return await _url(check)
