"""A chunk becomes a record of canonical, redacted bytes within the limit, and its receipt can be verified offline."""

import base64

import orjson
import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from ingest_gateway.auth import Upload
from ingest_gateway.chunks import Arrival, stored_chunk
from ingest_gateway.problems import TOO_LARGE, Problem
from ingest_gateway.receipts import Signer
from ingest_gateway.redaction import Redactor
from ingest_gateway.validation import Sifted
from pipeline.canonical import dumps
from pipeline.chain import chunk_digest, receipt_statement
from schemas.api import ChunkEnvelope
from schemas.records import EventsAppended

ARRIVAL = Arrival(Upload("trace-" + "0" * 32, "alpha", "research", 17, "development"), b"m" * 16, 1_700_000_000_000_000)
TOKEN = "gh" + "p_16C7e42F292c6912E7710c838347Ae178B4a"


def stored(text: str, limit: int = 10_000, chunk_id: str = "c0") -> EventsAppended:
    event = {"id": "e0", "seq": 0, "ts_client_s": 1.25, "ts_server_s": 9.0, "type": "rationale_note", "text": text}
    envelope = ChunkEnvelope(chunk_id=chunk_id, chunk_seq=4)
    return stored_chunk(Sifted(envelope, [event]), ARRIVAL, Redactor(b"k"), limit)


def test_events_are_stored_canonical_redacted_and_counted() -> None:
    record = stored(f"é {TOKEN}")
    event = orjson.loads(record.events[0])
    assert record.events[0] == dumps(event)
    assert event["ts_client_us"] == 1_250_000
    assert "ts_server_s" not in event
    assert TOKEN not in event["text"]
    assert record.redactions == {"github-token": 1}
    assert record.chunk_digest == chunk_digest(record.trace_id, 4, "c0", None, record.events)
    assert (record.project, record.created_offset, record.received_at_us) == ("alpha", 17, ARRIVAL.at_us)
    assert record.body_mac == ARRIVAL.body_mac


def test_a_chunk_id_is_stored_and_hashed_without_its_secret() -> None:
    record = stored("x", chunk_id=f"chunk-{TOKEN}")
    assert TOKEN not in record.chunk_id
    assert record.chunk_digest == chunk_digest(record.trace_id, 4, record.chunk_id, None, record.events)
    assert record.redactions == {"github-token": 1}


def test_the_limit_counts_what_is_stored() -> None:
    size = len(stored(TOKEN).events[0])
    assert stored(TOKEN, size)
    with pytest.raises(Problem) as problem:
        stored(TOKEN, size - 1)
    assert problem.value.kind is TOO_LARGE


def test_receipt_is_signed_over_its_statement() -> None:
    signer, record = Signer(b"\x07" * 32), stored("x")
    receipt = signer.receipt(record, 2, 99)
    signature = base64.b64decode(receipt["signature"], validate=True)
    public_key = Ed25519PublicKey.from_public_bytes(signer.public_key)
    public_key.verify(signature, dumps(receipt_statement(record, 2, 99)))
    assert receipt["key_id"] == signer.key_id
    with pytest.raises(InvalidSignature):
        public_key.verify(signature, dumps(receipt_statement(record, 2, 100)))
