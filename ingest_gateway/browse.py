"""Handlers that read: one trace, its events, the list of traces. Only the caller's projects exist for them."""

import re

from starlette.requests import Request
from starlette.responses import Response

from ingest_gateway.answers import Pending
from ingest_gateway.gateway import Gateway, gateway_of, trace_id_of
from ingest_gateway.presentation import event_of, json_of, open_trace, whole_trace
from ingest_gateway.problems import BAD_PARAMETER, NOT_FOUND, Problem
from ingest_gateway.writes import json_answer, model_answer
from pipeline.ids import minted_at_us
from schemas.events import MICROSECONDS

# A trace is queryable about a second after its creation; for a minute we do not deny that an id exists.
YOUNG_US = 60 * MICROSECONDS
PAGE = 50
LARGEST_PAGE = 500
EVENT_PAGE = 500
LARGEST_EVENT_PAGE = 5_000
LAST_FIRST = 2**31
CURSOR = r"^[!-~]{0,64}$"


def number_of(request: Request, name: str, default: int, least: int, most: int) -> int:
    """A number of the query. Raises Problem where it is none between the two, both included."""
    text = request.query_params.get(name, str(default))
    if not (text.isascii() and text.isdigit() and len(text) < 12 and least <= int(text) <= most):
        raise Problem(BAD_PARAMETER, f"{name} should be an integer from {least} to {most}")
    return int(text)


def allow(request: Request, *names: str) -> None:
    """Raises Problem for a parameter that the call does not have: a misspelt one must not be passed over."""
    if unknown := set(request.query_params) - set(names):
        raise Problem(BAD_PARAMETER, f"{len(unknown)} unknown parameters; known are: {', '.join(names) or 'none'}")


def is_young(gateway: Gateway, trace_id: str) -> bool:
    """Whether the id was made so short a time ago that nothing may be known of its trace yet."""
    return 0 <= gateway.clock() - minted_at_us(trace_id) < YOUNG_US


async def get_trace(request: Request) -> Response:
    """`GET /v1/traces/{id}`."""
    allow(request)
    gateway = gateway_of(request)
    trace_id, caller = trace_id_of(request), gateway.caller(request, "read")
    whole = await gateway.reads.whole(trace_id, caller)
    if whole.trace is not None:
        return json_answer(json_of(whole_trace(whole, whole.trace)))
    if whole.progress is not None:
        return json_answer(json_of(open_trace(trace_id, whole.progress)))
    await gateway.reads.refuse_erased(trace_id, caller)
    if is_young(gateway, trace_id):
        return model_answer(Pending(trace_id=trace_id), 202, {"Retry-After": "1"})
    raise Problem(NOT_FOUND, "no such trace")


async def get_events(request: Request) -> Response:
    """`GET /v1/traces/{id}/events?first=&limit=`."""
    allow(request, "first", "limit")
    gateway = gateway_of(request)
    trace_id, caller = trace_id_of(request), gateway.caller(request, "read")
    first = number_of(request, "first", 0, 0, LAST_FIRST)
    limit = number_of(request, "limit", EVENT_PAGE, 1, LARGEST_EVENT_PAGE)
    rows = await gateway.reads.events(trace_id, caller, first, limit + 1)
    if not rows and first == 0:
        await gateway.reads.refuse_erased(trace_id, caller)
        raise Problem(NOT_FOUND, "no such trace, or it is not assembled yet")
    page = {"events": [event_of(row) for row in rows[:limit]]}
    more = {"next": rows[limit]["chain_index"]} if len(rows) > limit else {}
    return json_answer(json_of({**page, **more}))


async def list_traces(request: Request) -> Response:
    """`GET /v1/traces?cursor=&limit=`."""
    allow(request, "cursor", "limit")
    gateway = gateway_of(request)
    caller = gateway.caller(request, "read")
    limit = number_of(request, "limit", PAGE, 1, LARGEST_PAGE)
    cursor = request.query_params.get("cursor", "")
    if not re.fullmatch(CURSOR[1:-1], cursor):
        raise Problem(BAD_PARAMETER, "cursor should be the one of the page before")
    rows = await gateway.reads.page(caller, cursor, limit + 1)
    more = {"cursor": rows[limit - 1]["trace_id"]} if len(rows) > limit else {}
    return json_answer(json_of({"traces": rows[:limit], **more}))
