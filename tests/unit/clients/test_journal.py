"""A session that is sent once: whatever is cut, and wherever, the same call again goes on."""

import json
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from starlette.responses import JSONResponse, Response

from clients.http import TelemetryClient
from clients.journal import Differs, Held, Journal, submit_once
from clients.problems import ApiProblem
from clients.recorded import Session
from clients.session import Submitted
from schemas.api import CreateTrace
from tests.support.fake_gateway import FakeGateway, Seen, serving

TRACE = CreateTrace(participant_id="p", task_id="t", task_title="title", repo_origin="here", consent="research")
LONG = "x" * 60_000
EVENTS = [{"id": f"e{n}", "seq": n, "ts_client_us": n, "type": "rationale_note", "text": LONG} for n in range(7)]
SESSION = Session(TRACE, (EVENTS,), workspace=b"bundle")


@dataclass
class Cutting(FakeGateway):
    """Refuses everything after so many requests; None: nothing."""

    answered: int | None = None

    def _success(self, seen: Seen) -> Response:
        if self.answered is not None and len(self.seen) > self.answered:
            return JSONResponse({"title": "no", "status": 400}, status_code=400)
        if seen.path.endswith("upload-token"):
            return JSONResponse({"upload_token": "fresh", "upload_token_expires_at_s": 1})
        return super()._success(seen)


@pytest.fixture
def gateway() -> Iterator[Cutting]:
    with serving(Cutting()) as server:
        assert isinstance(server, Cutting)
        yield server


def send(gateway: Cutting, folder: Path, session: Session = SESSION, *, again: bool = False) -> Submitted:
    with TelemetryClient(gateway.url, "caller") as client, Journal(folder / "imports" / "one.jsonl") as journal:
        if again:
            journal.forget()
        return submit_once(client, session, journal)


def sent(gateway: Cutting) -> list[dict[str, Any]]:
    return [json.loads(seen.body) for seen in gateway.seen if seen.path.endswith("events:ingest")]


def count(gateway: Cutting, end: str) -> int:
    return sum(seen.method in ("POST", "PUT") and seen.path.endswith(end) for seen in gateway.seen)


def test_the_second_time_nothing_is_sent_and_the_trace_is_named(gateway: Cutting, tmp_path: Path) -> None:
    first, second = send(gateway, tmp_path), send(gateway, tmp_path)
    assert (first.trace_id, second.receipts) == (second.trace_id, first.receipts)
    assert (count(gateway, "/v1/traces"), count(gateway, "complete"), len(sent(gateway))) == (1, 1, 3)
    assert len(gateway.seen) == 6


# create, workspace, three chunks, complete
@pytest.mark.parametrize("answered", range(1, 6))
def test_cut_anywhere_it_goes_on_with_what_is_not_confirmed(gateway: Cutting, tmp_path: Path, answered: int) -> None:
    gateway.answered = answered
    with pytest.raises(ApiProblem):
        send(gateway, tmp_path)
    refused = gateway.seen.pop()
    gateway.answered = None
    submitted = send(gateway, tmp_path)
    chunks = sent(gateway)
    assert [chunk["chunk_seq"] for chunk in chunks] == [0, 1, 2]
    assert [event["seq"] for chunk in chunks for event in chunk["events"]] == list(range(7))
    digests = [receipt.chunk_digest for receipt in submitted.receipts]
    assert [chunk.get("prev_chunk_digest") for chunk in chunks] == [None, *digests[:-1]]
    assert (count(gateway, "/v1/traces"), count(gateway, "complete")) == (1, 1)
    assert json.loads(gateway.seen[-1].body) == {"event_count": 7, "last_digest": digests[-1]}
    [again] = [seen for seen in gateway.seen if (seen.path, seen.body) == (refused.path, refused.body)]
    assert again.headers["authorization"] == "Bearer fresh"


def test_half_a_line_of_a_killed_process_is_passed_over(gateway: Cutting, tmp_path: Path) -> None:
    gateway.answered = 3
    with pytest.raises(ApiProblem):
        send(gateway, tmp_path)
    gateway.answered = None
    file = tmp_path / "imports" / "one.jsonl"
    with file.open("ab") as half:
        half.write(b'{"receipt": {"trace_id"')
    assert len(send(gateway, tmp_path).receipts) == 3
    assert [json.loads(line) for line in file.read_text().splitlines()][-1] == {"completed": True}


def test_again_makes_another_trace(gateway: Cutting, tmp_path: Path) -> None:
    send(gateway, tmp_path)
    send(gateway, tmp_path, again=True)
    assert (count(gateway, "/v1/traces"), len(sent(gateway))) == (2, 6)


def test_other_events_do_not_go_into_a_trace_that_was_begun(gateway: Cutting, tmp_path: Path) -> None:
    gateway.answered = 3
    with pytest.raises(ApiProblem):
        send(gateway, tmp_path)
    gateway.answered = None
    with pytest.raises(Differs, match="--again"):
        send(gateway, tmp_path, Session(TRACE, (EVENTS[:-1],)))


def test_a_journal_is_held_by_one_and_read_by_its_owner_alone(tmp_path: Path) -> None:
    file = tmp_path / "one.jsonl"
    with Journal(file), pytest.raises(Held, match="another process"), Journal(file):
        pass
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    with Journal(file):
        pass
