"""Whole sessions: order, numbering, digests, artifacts for big outputs, and waiting for results."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from clients.chunks import MAX_CHUNK_BYTES, MAX_CHUNK_EVENTS, MAX_OUTPUT_BYTES, outputs_moved, split
from clients.http import TelemetryClient
from clients.problems import EventTooLarge, NotReady
from clients.recorded import Session, session_of
from clients.session import submit, wait_for
from schemas.api import CreateTrace, IngestChunk
from tests.support.fake_gateway import TRACE_ID, FakeGateway, serving

TRACE = CreateTrace(participant_id="p", task_id="t", task_title="title", repo_origin="here", consent="research")


def note(seq: int, text: str = "because") -> dict[str, Any]:
    return {"id": f"e{seq}", "seq": seq, "ts_client_us": seq, "type": "rationale_note", "text": text}


def command(seq: int, output: str, **fields: Any) -> dict[str, Any]:
    event = {"id": f"e{seq}", "seq": seq, "ts_client_us": seq, "type": "cmd_run", "command": "x", "output": output}
    return event | fields


@pytest.fixture
def gateway() -> Iterator[FakeGateway]:
    with serving(FakeGateway()) as server:
        yield server


@pytest.fixture
def client(gateway: FakeGateway) -> Iterator[TelemetryClient]:
    with TelemetryClient(gateway.url, "caller") as opened:
        yield opened


def test_a_session_arrives_in_order_and_names_what_was_accepted(client: TelemetryClient, gateway: FakeGateway) -> None:
    session = Session(TRACE, ([note(0), note(1)], [command(2, "y" * MAX_OUTPUT_BYTES * 2)]), workspace=b"bundle")
    submitted = submit(client, session)
    paths = [seen.path.rpartition("/")[2] for seen in gateway.seen]
    assert paths == ["traces", "workspace.bundle", "events:ingest", "e2.log", "events:ingest", "complete"]
    assert gateway.seen[1].query == {"kind": "workspace"}
    chunks = [json.loads(seen.body) for seen in gateway.seen if seen.path.endswith("ingest")]
    for seen in chunks:
        IngestChunk.model_validate_json(json.dumps(seen))
    digests = [receipt.chunk_digest for receipt in submitted.receipts]
    assert [chunk["chunk_seq"] for chunk in chunks] == [0, 1]
    assert [chunk.get("prev_chunk_digest") for chunk in chunks] == [None, digests[0]]
    assert json.loads(gateway.seen[-1].body) == {"event_count": 3, "last_digest": digests[-1]}
    assert chunks[1]["events"][0]["output_ref"] == submitted.artifacts[1].uri
    assert "output" not in chunks[1]["events"][0]


def test_only_big_outputs_without_a_reference_move() -> None:
    big = "ä" * MAX_OUTPUT_BYTES
    kept = [note(0), command(1, "small"), command(2, big, output_ref="artifact:sha256:" + "0" * 64)]
    run = command(3, big, type="test_run", framework="pytest")
    *unmoved, moved = outputs_moved([*kept, run], lambda event_id, output: f"{event_id}:{len(output)}")
    assert unmoved == kept
    assert (moved["report_ref"], "output" in moved) == (f"e3:{MAX_OUTPUT_BYTES}", False)


def test_chunks_are_cut_by_count_and_by_bytes() -> None:
    many = [note(seq) for seq in range(MAX_CHUNK_EVENTS + 1)]
    assert [len(chunk) for chunk in split(many)] == [MAX_CHUNK_EVENTS, 1]
    big = [note(seq, "x" * (MAX_CHUNK_BYTES // 3)) for seq in range(5)]
    assert [len(chunk) for chunk in split(big)] == [2, 2, 1]
    assert list(split([])) == []


def test_an_event_that_fits_nowhere_is_named() -> None:
    with pytest.raises(EventTooLarge, match="event e1"):
        list(split([note(0), note(1, "x" * MAX_CHUNK_BYTES)]))


def test_waiting_ends_when_all_stages_are_there(client: TelemetryClient, gateway: FakeGateway) -> None:
    judged = {"judge": {"overall": 3.5}}
    gateway.documents = [
        None,
        {"stage": "completed", "qa": {}},
        {"stage": "judged", "qa": judged},
        {"stage": "done", "qa": judged | {"validation": {"verdict": "fixed"}}},
    ]
    heard: list[frozenset[str]] = []
    document = wait_for(client, TRACE_ID, progress=heard.append, poll_s=0.0)
    assert document["qa"]["validation"] == {"verdict": "fixed"}
    assert heard == [set(), set(), {"assembled", "judged"}, {"assembled", "judged", "validated"}]


def test_waiting_gives_up_and_says_what_is_missing(client: TelemetryClient, gateway: FakeGateway) -> None:
    gateway.documents = [{"stage": "assembled", "qa": {"validation": None}}]
    with pytest.raises(NotReady) as caught:
        wait_for(client, TRACE_ID, {"assembled", "validated"}, timeout_s=0.0)
    assert caught.value.missing == {"validated"}


def test_a_session_file_is_read() -> None:
    document = {"trace": TRACE.model_dump(exclude_none=True), "events": [note(0)]}
    assert session_of(json.dumps(document).encode()) == Session(TRACE, ([note(0)],))
    for broken in (b"[]", b'{"trace": {}}', b'{"trace": {}, "events": []}', b"{"):
        with pytest.raises(ValueError, match=r"."):
            session_of(broken)
