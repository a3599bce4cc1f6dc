"""The hash chain of a trace, the digest of a chunk and the statement that a receipt signs. All pure.

`link_0 = H(canonical TraceCreated)`, `link_i = H(link_{i-1} || H(event bytes))`, events in chunk order; the head of a
revision commits to the last link, to every receipt in order and to the artifacts. H is SHA-256.
"""

from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import Any

from pipeline.canonical import PREFIX, digest, digest_of, dumps
from schemas.codec import plain
from schemas.records import ArtifactStored, EventsAppended, TraceCreated
from schemas.topics import TRACE_LOG


def genesis_fields(created: TraceCreated) -> dict[str, Any]:
    """What the first link is over: the record's fields, absent instead of null."""
    return {name: value for name, value in plain(created).items() if value is not None}


def genesis(created: TraceCreated) -> bytes:
    """link_0, 32 bytes."""
    return sha256(dumps(genesis_fields(created))).digest()


def extend(link: bytes, events: Iterable[bytes]) -> bytes:
    """The link after these events, 32 bytes."""
    for event in events:
        link = sha256(link + sha256(event).digest()).digest()
    return link


def spell(link: bytes) -> str:
    """A raw link as `sha256:<hex>`."""
    return PREFIX + link.hex()


def chunk_digest(
    trace_id: str, chunk_seq: int, chunk_id: str, prev_chunk_digest: str | None, events: Sequence[bytes]
) -> str:
    """What a receipt is about: the stored bytes and their place in the trace; server time is not part of it."""
    return digest_of(
        {
            "chunk_id": chunk_id,
            "chunk_seq": chunk_seq,
            "events": [digest(event) for event in events],
            "prev_chunk_digest": prev_chunk_digest or "",
            "trace_id": trace_id,
        }
    )


def receipt_statement(chunk: EventsAppended, partition: int, offset: int) -> dict[str, Any]:
    """The claims of a receipt; its canonical JSON is what the gateway signs and the assembler rebuilds."""
    return {
        "chunk_digest": chunk.chunk_digest,
        "chunk_seq": chunk.chunk_seq,
        "offset": offset,
        "partition": partition,
        "received_at_us": chunk.received_at_us,
        "topic": TRACE_LOG.name,
        "trace_id": chunk.trace_id,
    }


def artifact_claim(stored: ArtifactStored) -> list[Any]:
    """What a head says of a stored file."""
    return [stored.name, stored.sha256, stored.received_at_us]


def head(
    last_link: bytes, receipts: Iterable[dict[str, Any]], artifacts: Iterable[ArtifactStored], outcome: str
) -> str:
    """`sha256:<hex>` that commits to everything a revision was made of. Receipts in chunk order."""
    return digest_of(
        {
            "artifacts": sorted(map(artifact_claim, artifacts)),
            "last_link": spell(last_link),
            "outcome": outcome,
            "receipts": [digest_of(receipt) for receipt in receipts],
        }
    )
