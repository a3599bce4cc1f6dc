"""Handlers that write: create, ingest, complete, a fresh upload token.

Each answers only after the log has the record.
"""

import asyncio
from dataclasses import dataclass, replace
from typing import Any

import orjson
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from ingest_gateway.answers import Completed, Created, RefreshToken, UploadToken
from ingest_gateway.auth import Upload, refuse_revoked, refuse_revoked_trace
from ingest_gateway.bodies import require_json
from ingest_gateway.chunks import Arrival, stored_chunk
from ingest_gateway.gateway import Gateway, context_of, gateway_of, trace_id_of
from ingest_gateway.keyring import body_mac
from ingest_gateway.problems import BAD_PARAMETER, FOREIGN_PROJECT, INVALID_BODY, KEY_REQUIRED, Fault, Problem
from ingest_gateway.redaction import Redactor
from ingest_gateway.rejects import rejections
from ingest_gateway.tracelog import Headers
from ingest_gateway.validation import Sifted, parse, parse_chunk, sift_chunk
from pipeline.canonical import compact
from pipeline.ids import new_trace_id
from schemas.api import CompleteTrace, CreateTrace
from schemas.records import EventRejected, EventsAppended, TraceCompleted, TraceCreated
from schemas.topics import REJECTS

LONGEST_KEY = 255
REJECT_EVENTS = "reject-events"
ON_INVALID = ("reject-chunk", REJECT_EVENTS)
REPLAYED = {"Idempotency-Replayed": "true"}


def json_answer(content: bytes, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """JSON bytes as an answer."""
    return Response(content, status, headers, "application/json")


def model_answer(answer: BaseModel, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """A model as an answer, absent instead of null."""
    return json_answer(answer.model_dump_json(exclude_none=True).encode(), status, headers)


async def create(request: Request) -> Response:
    """`POST /v1/traces`."""
    gateway = gateway_of(request)
    caller = gateway.caller(request, "write")
    require_json(request)
    async with gateway.body(request) as content:
        wanted = parse(CreateTrace, content)
        project = caller.project_for(wanted.project if "project" in wanted.model_fields_set else None)
        consent, source = gateway.control.consent(wanted.consent, project)
        redactor = gateway.redactor(project)
        created = _created(wanted, project, (consent, source), gateway.clock(), redactor)
        _, offset = await gateway.log.append(created.trace_id, created, headers=context_of(request))
    gateway.count_redactions(redactor.counts)
    token, expires_at_s = gateway.upload_token(Upload(created.trace_id, project, consent, offset, caller.name))
    answer = Created.model_validate(
        {
            "trace_id": created.trace_id,
            "upload_token": token,
            "upload_token_expires_at_s": expires_at_s,
            "project": project,
            "consent": consent,
            "consent_source": source,
        }
    )
    return model_answer(answer, 201, {"Location": f"/v1/traces/{created.trace_id}"})


def _created(
    wanted: CreateTrace, project: str, consent: tuple[str, str], at_us: int, redactor: Redactor
) -> TraceCreated:
    clean = redactor.text
    texts: dict[str, Any] = {
        "participant_id": clean(wanted.participant_id),
        "task_id": clean(wanted.task_id),
        "task_title": clean(wanted.task_title),
        "task_description": None if wanted.task_description is None else clean(wanted.task_description),
        "repo_origin": clean(wanted.repo_origin),
        "environment": {name: _clean_variable(name, value, redactor) for name, value in wanted.environment.items()},
    }
    return TraceCreated(
        trace_id=new_trace_id(at_us),
        project=project,
        consent=consent[0],
        consent_source=consent[1],
        start_commit=wanted.start_commit,
        created_at_us=at_us,
        redactions=dict(redactor.counts),
        **texts,
    )


def _clean_variable(name: str, value: str, redactor: Redactor) -> str:
    """Name and value are read together, because `API_KEY` tells what the value is."""
    together = redactor.text(f"{name}={value}")
    return together.removeprefix(f"{name}=") if together.startswith(f"{name}=") else redactor.text(value)


async def ingest(request: Request) -> Response:
    """`POST /v1/traces/{id}/events:ingest`."""
    gateway = gateway_of(request)
    upload = gateway.upload(request, trace_id_of(request))
    require_json(request)
    key = _idempotency_key(request, gateway.settings.idempotency == "required")
    with gateway.admission.uploading(upload.trace_id):
        async with gateway.body(request) as content:
            return await _ingest(gateway, request, (upload, key), content)


async def _ingest(gateway: Gateway, request: Request, sender: tuple[Upload, str | None], content: bytes) -> Response:
    upload, key = sender
    sifted = sift_chunk(content) if _rejects_events(request) else parse_chunk(content)
    mac = body_mac(gateway.keys.request_macs, content)
    keys = [(upload.trace_id, sifted.envelope.chunk_seq), *([(upload.trace_id, key)] if key else [])]
    known = gateway.replays.begin(keys, mac)
    if known is not None:
        gateway.metrics.replays.inc()
        return json_answer(known, 200, REPLAYED)
    try:
        prepared = _prepare(gateway, sifted, Arrival(upload, mac, gateway.clock()))
        # What was parsed is many times as large as its text: it does not wait for the log.
        del sifted
        answer = await _append(gateway, prepared, upload, context_of(request))
    except BaseException:
        gateway.replays.drop(keys)
        raise
    gateway.replays.finish(keys, mac, answer)
    return json_answer(answer, 201)


def _idempotency_key(request: Request, required: bool) -> str | None:
    key = request.headers.get("idempotency-key")
    if key is None and required:
        raise Problem(KEY_REQUIRED, "send the same key again with the same chunk, and another with any other")
    if key is not None and not 1 <= len(key) <= LONGEST_KEY:
        raise Problem(BAD_PARAMETER, f"Idempotency-Key has 1 to {LONGEST_KEY} characters")
    return key


def _rejects_events(request: Request) -> bool:
    if not request.scope["query_string"]:
        return False
    wanted = request.query_params.get("on_invalid", ON_INVALID[0])
    if wanted not in ON_INVALID:
        raise Problem(BAD_PARAMETER, f"on_invalid should be one of {', '.join(ON_INVALID)}")
    return wanted == REJECT_EVENTS


@dataclass(frozen=True, slots=True)
class _Prepared:
    """A chunk as it goes into the log, `record` None where no event is left, and its bad events."""

    record: EventsAppended | None
    rejects: list[EventRejected]
    faults: tuple[Fault, ...]


def _prepare(gateway: Gateway, sifted: Sifted, arrival: Arrival) -> _Prepared:
    project, limit = arrival.upload.project, gateway.settings.max_chunk_bytes
    record = stored_chunk(sifted, arrival, gateway.redactor(project), limit) if sifted.events else None
    rejects = (
        rejections(sifted.envelope, sifted.rejected, arrival, gateway.redactor(project)) if sifted.rejected else []
    )
    return _Prepared(record, rejects, sifted.rejected)


async def _append(gateway: Gateway, prepared: _Prepared, upload: Upload, headers: Headers) -> bytes:
    # Before the chunk: what is told to the client as rejected can be found later, even if the answer gets lost.
    if prepared.rejects:
        await asyncio.gather(*[gateway.log.append(upload.project, each, REJECTS, headers) for each in prepared.rejects])
        gateway.metrics.rejects.inc(len(prepared.rejects))
    record = prepared.record
    if record is None:
        raise Problem(INVALID_BODY, "no event of this chunk can be taken", prepared.faults)
    partition, offset = await gateway.log.append(upload.trace_id, record, headers=headers)
    _count(gateway, record)
    late = gateway.completions.get(upload.trace_id) is not None
    receipt = gateway.signer.receipt(record, partition, offset)
    added = {"events": len(record.events), "redactions": record.redactions, "late": late}
    rejected = {"rejected": [fault.plain() for fault in prepared.faults]} if prepared.faults else {}
    return compact(orjson.dumps({**receipt, **added, **rejected}))


def _count(gateway: Gateway, record: EventsAppended) -> None:
    gateway.metrics.events.inc(len(record.events))
    gateway.metrics.chunk_bytes.inc(sum(map(len, record.events)))
    gateway.count_redactions(record.redactions)


async def complete(request: Request) -> Response:
    """`POST /v1/traces/{id}/complete`. The same body again is answered from memory; an empty body claims nothing."""
    gateway = gateway_of(request)
    upload = gateway.upload(request, trace_id_of(request))
    with gateway.admission.uploading(upload.trace_id):
        async with gateway.body(request) as content:
            return await _complete(gateway, request, upload, content)


async def _complete(gateway: Gateway, request: Request, upload: Upload, content: bytes) -> Response:
    if content:
        require_json(request)
    claim = parse(CompleteTrace, content or b"{}")
    mac = body_mac(gateway.keys.request_macs, content)
    known = gateway.completions.get(upload.trace_id)
    if known is not None and known[0] == mac:
        return json_answer(known[1], 202, REPLAYED)
    record = TraceCompleted(
        trace_id=upload.trace_id,
        project=upload.project,
        created_offset=upload.created_offset,
        completed_at_us=gateway.clock(),
        event_count=claim.event_count,
        last_digest=claim.last_digest,
    )
    await gateway.log.append(upload.trace_id, record, headers=context_of(request))
    answer = Completed(trace_id=upload.trace_id, completed_at_us=record.completed_at_us).model_dump_json().encode()
    gateway.completions.put(upload.trace_id, (mac, answer))
    return json_answer(answer, 202)


async def upload_token(request: Request) -> Response:
    """`POST /v1/traces/{id}/upload-token`: the earlier token names the trace, the caller's own token asks."""
    gateway = gateway_of(request)
    trace_id = trace_id_of(request)
    caller = gateway.caller(request, "write")
    require_json(request)
    async with gateway.body(request) as content:
        earlier = parse(RefreshToken, content).upload_token
    upload = gateway.tokens.read(earlier, gateway.clock() / 1e6, trace_id, expired_too=True)
    if not caller.may_use(upload.project):
        raise Problem(FOREIGN_PROJECT, "this trace belongs to another project")
    # Who asks now holds the new token: a session goes on under a new key after its old one was revoked.
    refuse_revoked(earlier, caller.name, gateway.control.view)
    refuse_revoked_trace(trace_id, gateway.control.view)
    token, expires_at_s = gateway.upload_token(replace(upload, issued_to=caller.name))
    return model_answer(UploadToken(upload_token=token, upload_token_expires_at_s=expires_at_s))
