"""From a checked chunk to the record in the log: stored form, redaction, canonical bytes, size, digest. Pure."""

from dataclasses import dataclass

from ingest_gateway.auth import Upload
from ingest_gateway.problems import TOO_LARGE, Problem
from ingest_gateway.redaction import Redactor
from ingest_gateway.validation import Sifted
from pipeline.canonical import compact, dumps
from pipeline.chain import chunk_digest
from schemas.events import stored_form
from schemas.records import EventsAppended


@dataclass(frozen=True, slots=True)
class Arrival:
    """What the gateway adds to a chunk: who may send it, its body's MAC and when it came (microseconds)."""

    upload: Upload
    body_mac: bytes
    at_us: int


def stored_chunk(sifted: Sifted, arrival: Arrival, redactor: Redactor, limit: int) -> EventsAppended:
    """The record of a chunk. Raises Problem where its events are more than `limit` bytes after redaction."""
    chunk, clean = sifted.envelope, redactor.events(list(map(stored_form, sifted.events)))
    # Compact, since thousands of small events may wait for the log.
    events = tuple(compact(dumps(event)) for event in clean)
    size = sum(map(len, events))
    if size > limit:
        detail = f"the chunk has {size} bytes after redaction, {limit} are taken; send less, or big texts as artifacts"
        raise Problem(TOO_LARGE, detail)
    upload, chunk_id = arrival.upload, redactor.text(chunk.chunk_id)
    return EventsAppended(
        trace_id=upload.trace_id,
        project=upload.project,
        created_offset=upload.created_offset,
        chunk_id=chunk_id,
        chunk_seq=chunk.chunk_seq,
        received_at_us=arrival.at_us,
        events=events,
        chunk_digest=chunk_digest(upload.trace_id, chunk.chunk_seq, chunk_id, chunk.prev_chunk_digest, events),
        body_mac=arrival.body_mac,
        prev_chunk_digest=chunk.prev_chunk_digest,
        redactions=dict(redactor.counts),
    )
