"""The document of a finished trace: small ones travel inside TraceAssembled, big ones in the object store.

The document is canonical JSON: {artifacts, chunks, environment, events, genesis, log, repo, revision, session, task,
trace_id, trace_version}; events are the stored bytes, spliced, never encoded again. Digests are over uncompressed
bytes.
"""

import asyncio
from dataclasses import dataclass
from typing import Any

import zstandard

from pipeline.canonical import digest, loads
from pipeline.erasure import is_erased
from pipeline.errors import Erased, Invalid
from pipeline.objectstore import ObjectMissing, ObjectStore, derived_key
from schemas.records import TraceAssembled

LEVEL = 3
LARGEST = 512 * 1024 * 1024
MOST_ON_THE_LOOP = 1024 * 1024
"""Bytes that are compressed where the event loop runs; more go to a thread."""
NOWHERE = "documents/none"


@dataclass(frozen=True, slots=True)
class Sealed:
    """A document as TraceAssembled carries it; exactly one of `inline` and `ref` is set."""

    inline: bytes | None
    ref: str | None
    digest: str
    size: int


async def seal(document: bytes, trace_id: str, store: ObjectStore, inline_limit: int) -> Sealed:
    """Compress a document and put it where it belongs; returns when a big one is stored."""
    if len(document) > MOST_ON_THE_LOOP:
        packed, name = await asyncio.to_thread(_packed, document)
    else:
        packed, name = _packed(document)
    if len(packed) <= inline_limit:
        return Sealed(packed, None, name, len(document))
    ref = derived_key("documents", trace_id, name)
    await store.put(ref, packed)
    return Sealed(None, ref, name, len(document))


def _packed(document: bytes) -> tuple[bytes, str]:
    return zstandard.compress(document, LEVEL), digest(document)


async def open_document(assembled: TraceAssembled, store: ObjectStore) -> dict[str, Any]:
    """The document of a revision, wherever it is. Raises Invalid when it is missing or not the one that was sealed,
    Erased when the trace was erased."""
    document: dict[str, Any] = loads(await document_bytes(assembled, store))
    return document


async def document_bytes(assembled: TraceAssembled, store: ObjectStore) -> bytes:
    """Like open_document, the canonical bytes."""
    packed = assembled.document
    try:
        if packed is None:
            packed = await store.get(assembled.document_ref or NOWHERE)
        document = unpack(packed, assembled.document_size)
    except ObjectMissing:
        if await is_erased(store, assembled.trace_id):
            raise Erased(assembled.trace_id) from None
        raise Invalid(f"document {assembled.document_ref} of {assembled.trace_id} is not in the object store") from None
    except zstandard.ZstdError as error:
        raise Invalid(f"document of {assembled.trace_id} is damaged: {error}") from error
    if digest(document) != assembled.document_digest:
        raise Invalid(f"document of {assembled.trace_id} does not have the digest it was sealed with")
    return document


def unpack(packed: bytes, size: int) -> bytes:
    """The document in these bytes, which has this size. Raises ZstdError."""
    # The frame says itself how much it unpacks to, and zstandard allocates that before it reads on.
    if zstandard.frame_content_size(packed) != size or size > LARGEST:
        raise zstandard.ZstdError(f"it does not unpack to {size} bytes")
    document: bytes = zstandard.decompress(packed)
    return document
