"""Clients that behave badly within their rights: they send chunks at random over replicas, twice, out of order, drop
answers, and try again until they are told that the log has it. Chance decides, by a seed for each session.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx2
import orjson

from tests.support.gateways import CALLER, TRACE

CHUNKS, EVENTS = 8, 3
LATER = frozenset({409, 429, 503})
PAUSE_S, PATIENCE_S = 0.05, 10.0


@dataclass
class Sprayed:
    """What a client knows of its trace."""

    trace_id: str
    event_ids: list[str]
    receipts: list[dict[str, Any]] = field(default_factory=list)


@dataclass
class _Trace:
    """Where chunks of a trace go, and what was acknowledged."""

    path: str
    headers: dict[str, str]
    chance: random.Random
    sprayed: Sprayed


def _event(seq: int) -> dict[str, Any]:
    text = f"jane.doe{seq}@mail.example.org saw it fail in /home/jane/project"
    return {"id": f"e{seq}", "seq": seq, "ts_client_us": 1_000_000 * (seq + 1), "type": "rationale_note", "text": text}


def _body(seq: int, **other: Any) -> bytes:
    events = [_event(number) for number in range(seq * EVENTS, (seq + 1) * EVENTS)]
    return orjson.dumps({"chunk_id": f"c{seq}", "chunk_seq": seq, "events": events, **other})


class Sprayer:
    """Clients of these replicas. Raises AssertionError for an answer that no such client deserves."""

    def __init__(self, http: httpx2.AsyncClient, urls: Sequence[str], seed: int) -> None:
        self._http, self._urls, self._seed = http, urls, seed

    async def session(self, number: int) -> Sprayed:
        """One trace from its creation to its end: every second one names its last receipt with each chunk."""
        chance = random.Random(f"{self._seed}/{number}")
        created = await self._until_taken(chance, "/v1/traces", CALLER, orjson.dumps(TRACE))
        sprayed = Sprayed(created["trace_id"], [f"e{seq}" for seq in range(CHUNKS * EVENTS)])
        upload = {"Authorization": f"Bearer {created['upload_token']}"}
        trace = _Trace(f"/v1/traces/{sprayed.trace_id}", upload, chance, sprayed)
        last = await (self._in_order(trace) if number % 2 else self._in_disorder(trace))
        claim = orjson.dumps({"event_count": CHUNKS * EVENTS, "last_digest": last})
        await self._until_taken(chance, f"{trace.path}/complete", upload, claim)
        return sprayed

    async def _in_order(self, trace: _Trace) -> str:
        before: dict[str, Any] = {}
        for seq in range(CHUNKS):
            digest = await self._chunk(trace, seq, _body(seq, **before))
            before = {"prev_chunk_digest": digest}
        return digest

    async def _in_disorder(self, trace: _Trace) -> str:
        order = trace.chance.sample(range(CHUNKS), CHUNKS)
        digests = await asyncio.gather(*[self._chunk(trace, seq, _body(seq)) for seq in order])
        return digests[order.index(CHUNKS - 1)]

    async def _chunk(self, trace: _Trace, seq: int, body: bytes) -> str:
        """Send until acknowledged, and sometimes once more; the digest that was acknowledged first."""
        chance = random.Random(trace.chance.random() + seq)
        await asyncio.sleep(chance.uniform(0, 0.4))
        url = f"{trace.path}/events:ingest"
        acknowledged: list[dict[str, Any]] = []
        while not acknowledged or chance.random() < 0.3:
            answers = await asyncio.gather(*self._tries(chance, url, {**trace.headers, **_key(chance, seq)}, body))
            acknowledged += [answer for answer in answers if answer is not None]
            await asyncio.sleep(chance.uniform(0, PAUSE_S))
        trace.sprayed.receipts += acknowledged
        digest: str = acknowledged[0]["chunk_digest"]
        return digest

    def _tries(self, chance: random.Random, url: str, headers: dict[str, str], body: bytes) -> list[Any]:
        """To one replica, or to all at once; now and then the answer is not waited for."""
        targets = self._urls if chance.random() < 0.3 else [chance.choice(self._urls)]
        patience = [chance.uniform(0, 0.01) if chance.random() < 0.15 else PATIENCE_S for _ in targets]
        return [self._try(target + url, headers, body, wait) for target, wait in zip(targets, patience, strict=True)]

    async def _try(
        self, url: str, headers: dict[str, str], body: bytes, patience_s: float = PATIENCE_S
    ) -> dict[str, Any] | None:
        """The answer, where one that says yes comes in time; after that the connection is closed."""
        sent, wait = {"Content-Type": "application/json", **headers}, httpx2.Timeout(PATIENCE_S, read=patience_s)
        try:
            answer = await self._http.post(url, content=body, headers=sent, timeout=wait)
        except httpx2.TransportError:
            return None
        if answer.status_code in LATER:
            return None
        assert 200 <= answer.status_code < 300, (answer.status_code, answer.text)
        told: dict[str, Any] = answer.json()
        return told

    async def _until_taken(self, chance: random.Random, path: str, headers: dict[str, str], body: bytes) -> Any:
        while True:
            if (answer := await self._try(chance.choice(self._urls) + path, headers, body)) is not None:
                return answer
            await asyncio.sleep(PAUSE_S)


def _key(chance: random.Random, seq: int) -> dict[str, str]:
    keys: tuple[dict[str, str], ...] = (
        {},
        {"Idempotency-Key": f"chunk-{seq}"},
        {"Idempotency-Key": f"try-{chance.random()}"},
    )
    return chance.choice(keys)
