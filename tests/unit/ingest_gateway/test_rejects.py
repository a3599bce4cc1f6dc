"""A refused event becomes a record that says where and why, and holds no secret, not even one in a field's name."""

from ingest_gateway.auth import Upload
from ingest_gateway.chunks import Arrival
from ingest_gateway.problems import Fault
from ingest_gateway.redaction import Redactor
from ingest_gateway.rejects import rejections
from schemas.api import ChunkEnvelope

TOKEN = "gh" + "p_16C7e42F292c6912E7710c838347Ae178B4a"


def test_rejections() -> None:
    arrival = Arrival(Upload("trace-" + "0" * 32, "alpha", "research", 17, "development"), b"m" * 16, 5)
    faults = (Fault("/events/3/seq", "too small", 3), Fault(f"/events/4/{TOKEN}", "unknown", 4))
    first, second = rejections(ChunkEnvelope(chunk_id="c", chunk_seq=2), faults, arrival, Redactor(b"k"))
    assert (first.index, first.pointer, first.reason, first.rejected_at_us) == (3, "/events/3/seq", "too small", 5)
    assert (first.trace_id, first.project, first.chunk_id, first.chunk_seq) == (
        arrival.upload.trace_id,
        "alpha",
        "c",
        2,
    )
    assert TOKEN not in second.pointer
