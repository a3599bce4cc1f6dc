"""Events that were refused while the rest of their chunk was taken, as records of the topic `rejects`. Pure.

A pointer names fields as the client spelled them, so it is redacted like any other text.
"""

from collections.abc import Iterable

from ingest_gateway.chunks import Arrival
from ingest_gateway.problems import Fault
from ingest_gateway.redaction import Redactor
from schemas.api import ChunkEnvelope
from schemas.records import EventRejected


def rejections(
    envelope: ChunkEnvelope, faults: Iterable[Fault], arrival: Arrival, redactor: Redactor
) -> list[EventRejected]:
    """One record for each faulty event of a chunk."""
    upload = arrival.upload
    return [
        EventRejected(
            trace_id=upload.trace_id,
            project=upload.project,
            chunk_id=envelope.chunk_id,
            chunk_seq=envelope.chunk_seq,
            index=fault.event_index,
            pointer=redactor.text(fault.pointer),
            reason=redactor.text(fault.reason),
            rejected_at_us=arrival.at_us,
        )
        for fault in faults
        if fault.event_index is not None
    ]
