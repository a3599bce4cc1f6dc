"""One example for every body of the OpenAPI document: requests, answers, problems; a test holds each to its schema."""

from collections.abc import Callable
from typing import Any

from pydantic import BaseModel

from ingest_gateway import answers, artifacts, integrity, operations, progress
from ingest_gateway.problems import CONSENT_REQUIRED, INVALID_BODY, Fault, Kind, Problem
from ingest_gateway.stages import event, status_of
from schemas import api

AT_US = 1_760_000_026_000_000
TRACE_ID = "trace-0199c82cc0007554af3a9c417b60d2e8"
SHA256 = "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
HASH = "n4bQgYhMfWWaL+qgxVrQFaO/TxsrC4Is0V1sFbDwCgg="
CHECKPOINT = f"log.example/one\n2\n{HASH}\n\n— log.example/one c2lnbmF0dXJl\n"
TOKEN = "eyJhbGciOiJIUzI1NiJ9.e30.upload-token-of-the-trace"
EVENT = {
    "id": "evt-0",
    "seq": 0,
    "ts_client_s": 1760000025.5,
    "type": "test_run",
    "framework": "pytest",
    "command": "pytest -q",
    "exit_code": 1,
    "passed": 1,
    "failed": 1,
}
STORED_EVENT = {
    **{name: value for name, value in EVENT.items() if name != "ts_client_s"},
    "ts_client_us": AT_US - 500_000,
}
STATUS = status_of(TRACE_ID, None, {"stage": "assembled", "revision": 1}) or {}
REQUESTS: dict[type[BaseModel], dict[str, Any]] = {
    api.CreateTrace: {
        "participant_id": "p-17",
        "consent": "research",
        "task_id": "calculator-3",
        "task_title": "add() subtracts",
        "repo_origin": "https://example.org/calculator.git",
        "start_commit": "4f2a9c1",
        "environment": {"os": "linux", "python_version": "3.11"},
    },
    api.IngestChunk: {"chunk_id": "chunk-0", "chunk_seq": 0, "events": [EVENT]},
    api.CompleteTrace: {"event_count": 1, "last_digest": SHA256},
    answers.RefreshToken: {"upload_token": TOKEN},
}
ANSWERS: dict[type[BaseModel], BaseModel] = {
    type(answer): answer
    for answer in (
        answers.Created(
            trace_id=TRACE_ID,
            upload_token=TOKEN,
            upload_token_expires_at_s=1760003626,
            project="acme",
            consent="research",
            consent_source="given",
        ),
        answers.UploadToken(upload_token=TOKEN, upload_token_expires_at_s=1760003626),
        answers.Status.model_validate(STATUS),
        answers.Receipt(
            trace_id=TRACE_ID,
            chunk_seq=0,
            chunk_digest=SHA256,
            topic="trace-log",
            partition=2,
            offset=4711,
            received_at_us=AT_US,
            key_id="3b6a27bcceb6a42d",
            signature="c2lnbmF0dXJlIG9mIDY0IGJ5dGVzLCBiYXNlNjQ=",
            events=1,
            redactions={"github-token": 1},
        ),
        answers.ReceiptKeys(
            keys=[
                answers.ReceiptKey(
                    kty="OKP",
                    crv="Ed25519",
                    alg="EdDSA",
                    use="sig",
                    kid="3b6a27bcceb6a42d",
                    x="11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
                    status="current",
                )
            ]
        ),
        answers.NotaryKeys(
            keys=[
                answers.NotaryKey(
                    vkey="PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
                    origin="PeterNeumann",
                    status="current",
                )
            ]
        ),
        answers.Inclusion(leaf_hash=SHA256[7:], index=1, size=2, proof=[HASH], checkpoint=CHECKPOINT),
        answers.Consistency(old=1, new=2, proof=[HASH], checkpoint=CHECKPOINT),
        answers.Completed(trace_id=TRACE_ID, completed_at_us=AT_US),
        answers.Erasure(trace_ids=[TRACE_ID], erased_at_us=AT_US),
        answers.StoredArtifact(
            uri=f"artifact:{SHA256}", sha256=SHA256, size=4, name="run.log", kind="log", redactions={}
        ),
        answers.EventPage(events=[STORED_EVENT], next=1),
        answers.TracePage(
            traces=[{"trace_id": TRACE_ID, "project": "acme", "stage": "done", "revision": 1}], cursor=TRACE_ID
        ),
        answers.Pending(trace_id=TRACE_ID),
        answers.Trace(
            trace_version="1.0",
            trace_id=TRACE_ID,
            project="acme",
            stage="assembled",
            revision=1,
            session={"participant_id": "p-17", "consent": "research"},
            task={"id": "calculator-3", "title": "add() subtracts"},
            repo={"origin": "https://example.org/calculator.git", "start_commit": "4f2a9c1"},
            environment={"os": "linux", "python_version": "3.11"},
            events=[STORED_EVENT],
            artifacts={},
            metrics={"duration_s": 0.0, "num_test_runs": 1},
            qa={},
            integrity={
                "event_hash_chain": SHA256,
                "status": "verified",
                "intact": True,
                "complete": True,
                "findings": [],
            },
            redactions={},
        ),
    )
}
FILE = "collected 2 items\n"
TEXTS: dict[tuple[Callable[..., Any], int], Any] = {
    (progress.stream_status, 200): event("stage", STATUS).decode(),
    (artifacts.get_artifact, 200): FILE,
    (artifacts.get_artifact, 206): FILE[:9],
    (integrity.bundle, 200): {"format": "pr-telemetry-bundle/1", "trace_id": TRACE_ID, "checkpoint": CHECKPOINT},
    (integrity.checkpoint, 200): CHECKPOINT,
    (operations.healthz, 200): {"status": "ok"},
    (operations.readyz, 200): {"status": "ready", "log": True, "control": True},
    (operations.readyz, 503): {"status": "waiting", "log": False, "control": True},
    (operations.metrics, 200): "gateway_log_up 1.0\n",
    (operations.openapi, 200): {"openapi": "3.1.0", "info": {"title": "PR Telemetry"}},
    (operations.docs, 200): "<!doctype html>",
}
FAULTS = {
    INVALID_BODY: (Fault("/events/3/exit_code", "Input should be a valid integer", 3),),
    CONSENT_REQUIRED: (Fault("/consent", "required: this project has no policy that stands for it"),),
}


def request_example(takes: type[BaseModel] | str) -> Any:
    """A body that a call takes."""
    return FILE if isinstance(takes, str) else REQUESTS[takes]


def answer_example(handler: Callable[..., Any], status: int, what: type[BaseModel] | str) -> Any:
    """What a call answers."""
    if isinstance(what, str):
        return TEXTS[handler, status]
    return ANSWERS[what].model_dump(mode="json", exclude_none=True)


def problem_example(kind: Kind) -> dict[str, Any]:
    """What a refusal looks like; `detail` differs."""
    return Problem(kind, "what exactly was wrong, in words", FAULTS.get(kind, ())).plain()
