"""Handlers that erase: one trace, or all traces of a participant up to now.

The answer comes when the log says so; views and stores follow within seconds. Saying it again changes nothing.
"""

import asyncio
from collections.abc import Collection

from starlette.requests import Request
from starlette.responses import Response

from ingest_gateway.answers import Erasure
from ingest_gateway.auth import Caller
from ingest_gateway.browse import allow
from ingest_gateway.gateway import Gateway, context_of, gateway_of, trace_id_of
from ingest_gateway.keyring import derive
from ingest_gateway.problems import BAD_PARAMETER, NOT_FOUND, Problem
from ingest_gateway.writes import model_answer
from pipeline.access import PROJECT, revocation_topic_key
from pipeline.audit import audit_entry
from schemas.records import AuditEntry, TokenRevoked, TraceErased
from schemas.topics import AUDIT_LOG, CONTROL

LONGEST_REASON = 200
DEFAULT_REASON = "consent withdrawn"
AT_ONCE = 100


async def erase_trace(request: Request) -> Response:
    """`DELETE /v1/traces/{id}?reason=`."""
    allow(request, "reason")
    gateway = gateway_of(request)
    trace_id, caller = trace_id_of(request), gateway.caller(request, "erase")
    reason = _reason(request)
    project = await _project_of(gateway, trace_id, caller)
    if project is None:
        raise Problem(NOT_FOUND, "no such trace")
    facts = {"reason": gateway.redactor(project).text(reason)}
    entry = audit_entry(caller.name, "trace erase", f"trace/{trace_id}", gateway.clock(), project, facts)
    return await _erase(request, entry, [trace_id])


async def erase_participant(request: Request) -> Response:
    """`DELETE /v1/participants/{id}?project=&reason=`. Traces that begin later are not touched."""
    allow(request, "project", "reason")
    gateway = gateway_of(request)
    caller = gateway.caller(request, "erase")
    reason, project = _reason(request), caller.project_for(_project(request))
    participant, redactor = request.path_params["participant"], gateway.redactor(project)
    # A participant is recorded as redaction left it.
    names = {participant, redactor.text(participant)}
    trace_ids = await _traces_of(gateway, project, names)
    # The trail is kept for ever, so it has the participant only as a keyed hash.
    who = derive(gateway.keys.redaction_of(project), f"participant/{participant}")[:8].hex()
    facts = {"reason": redactor.text(reason), "traces": str(len(trace_ids))}
    entry = audit_entry(caller.name, "participant erase", f"participant/{who}", gateway.clock(), project, facts)
    return await _erase(request, entry, trace_ids)


def _project(request: Request) -> str | None:
    project = request.query_params.get("project")
    if project is not None and not PROJECT.fullmatch(project):
        raise Problem(BAD_PARAMETER, "project has 1 to 64 letters, digits, dots, dashes and underscores")
    return project


def _reason(request: Request) -> str:
    reason = request.query_params.get("reason", DEFAULT_REASON)
    if not 1 <= len(reason) <= LONGEST_REASON or not reason.isprintable():
        raise Problem(BAD_PARAMETER, f"reason has 1 to {LONGEST_REASON} printable characters")
    return reason


async def _project_of(gateway: Gateway, trace_id: str, caller: Caller) -> str | None:
    """The project of a trace that is this caller's, erased already or not; None where there is no such trace."""
    if project := await gateway.reads.owner(trace_id, caller):
        return project
    for created in await gateway.fresh.created():
        if created.trace_id == trace_id and caller.may_use(created.project):
            return created.project
    # What became queryable between the two looks.
    return await gateway.reads.owner(trace_id, caller)


async def _traces_of(gateway: Gateway, project: str, names: Collection[str]) -> list[str]:
    fresh = [c.trace_id for c in await gateway.fresh.created() if c.project == project and c.participant_id in names]
    return sorted({*fresh, *await gateway.reads.traces_of(names, project)})


async def _erase(request: Request, entry: AuditEntry, trace_ids: list[str]) -> Response:
    """Say it in the log: the entry first, so that nobody is erased unseen."""
    gateway = gateway_of(request)
    await gateway.log.append(entry.project, entry, AUDIT_LOG)
    for first in range(0, len(trace_ids), AT_ONCE):
        some = trace_ids[first : first + AT_ONCE]
        await asyncio.gather(*[_erase_one(request, entry, trace_id) for trace_id in some])
    return model_answer(Erasure(trace_ids=trace_ids, erased_at_us=entry.at_us), 202)


async def _erase_one(request: Request, entry: AuditEntry, trace_id: str) -> None:
    """First no gateway takes anything more for the trace, then it is erased."""
    log, reason = gateway_of(request).log, entry.detail["reason"]
    closed = TokenRevoked(subject_kind="trace", subject=trace_id, reason="erased", revoked_at_us=entry.at_us)
    await log.append(revocation_topic_key("trace", trace_id).decode(), closed, CONTROL)
    erased = TraceErased(
        trace_id=trace_id, project=entry.project, erased_at_us=entry.at_us, actor=entry.actor, reason=reason
    )
    await log.append(trace_id, erased, headers=context_of(request))
