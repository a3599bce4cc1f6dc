"""Handlers of the Merkle log: its checkpoint, its proofs, its keys, and the bundle that proves a trace.

All of it is read from the object store and answered without state. What the store tells is checked where that is
possible here: a checkpoint by its signature, a document by its digest.
"""

import base64
import re
from collections.abc import Awaitable
from typing import TypeVar

import orjson
from starlette.requests import Request
from starlette.responses import Response

from ingest_gateway.answers import Consistency, Inclusion, NotaryKey, NotaryKeys, Pending
from ingest_gateway.browse import allow, is_young, number_of
from ingest_gateway.gateway import Gateway, gateway_of, trace_id_of
from ingest_gateway.problems import BAD_PARAMETER, DAMAGED, NOT_FOUND, STORE_UNAVAILABLE, Problem
from ingest_gateway.writes import json_answer, model_answer
from pipeline.bundle.collect import NotCovered, collect
from pipeline.bundle.form import BadBundle
from pipeline.errors import Refused, Retryable
from pipeline.integritystore import DamagedPlace
from pipeline.merklelog import DamagedLog, MerkleLog, NotLogged
from pipeline.notes import VerifierKey
from pipeline.telemetry import logger

LARGEST_TREE = 10**11 - 1
NOTE = "text/plain"
BUNDLE = "application/json"
KEYS_PATH = "/.well-known/pr-telemetry-notary-keys.json"
RETRY_AFTER_S = 2
Result = TypeVar("Result")
log = logger(__name__)


async def checkpoint(request: Request) -> Response:
    """`GET /v1/integrity/checkpoint`: the latest one, as a signed note."""
    allow(request)
    latest = await _told(_log(request).latest())
    return Response(latest.note, media_type=NOTE, headers={"Cache-Control": "no-store"})


async def inclusion(request: Request) -> Response:
    """`GET /v1/integrity/inclusion/{leaf_hash}?size=`: the proof that a leaf is in a tree, by default the latest."""
    allow(request, "size")
    merkle = _log(request)
    leaf_hash = request.path_params["leaf_hash"]
    if not re.fullmatch(r"[0-9a-f]{64}", leaf_hash):
        raise Problem(BAD_PARAMETER, "a leaf hash is 64 hex digits")
    latest = await _told(merkle.latest())
    size = number_of(request, "size", latest.checkpoint.size, 0, LARGEST_TREE)
    index = await _told(merkle.index(bytes.fromhex(leaf_hash)))
    proof = await _told(merkle.inclusion(index, size, latest.checkpoint.size))
    answer = Inclusion(leaf_hash=leaf_hash, index=index, size=size, proof=_spelled(proof), checkpoint=latest.note)
    return model_answer(answer)


async def consistency(request: Request) -> Response:
    """`GET /v1/integrity/consistency?from=&to=`: the proof that one tree is the beginning of another."""
    allow(request, "from", "to")
    merkle = _log(request)
    latest = await _told(merkle.latest())
    old = number_of(request, "from", 0, 0, LARGEST_TREE)
    new = number_of(request, "to", latest.checkpoint.size, 0, LARGEST_TREE)
    proof = await _told(merkle.consistency(old, new, latest.checkpoint.size))
    return model_answer(Consistency(old=old, new=new, proof=_spelled(proof), checkpoint=latest.note))


async def bundle(request: Request) -> Response:
    """`GET /v1/traces/{id}/bundle?from=`: all that proves a trace; `from` is the size of a checkpoint held."""
    allow(request, "from")
    gateway = gateway_of(request)
    # It names private files and tells their digests, which the head commits to, though never their content.
    trace_id, caller = trace_id_of(request), gateway.caller(request, "read-files")
    held = number_of(request, "from", 0, 0, LARGEST_TREE)
    project = await gateway.reads.project_of(trace_id, caller)
    if project is None:
        raise Problem(NOT_FOUND, "no such trace")
    try:
        async with gateway.bundling:
            content = await _told(collect(gateway.store, _known(gateway), trace_id, project, held))
    except NotCovered as error:
        if error.logged or is_young(gateway, trace_id) or any(await gateway.reads.progress(trace_id, caller)):
            return model_answer(Pending(trace_id=trace_id), 202, {"Retry-After": "1"})
        await gateway.reads.refuse_erased(trace_id, caller)
        raise Problem(NOT_FOUND, "no such trace, or it is not finished yet") from None
    return json_answer(content, headers={"Content-Disposition": f'attachment; filename="{trace_id}.prbundle"'})


async def notary_keys(request: Request) -> Response:
    """`GET /.well-known/pr-telemetry-notary-keys.json`."""
    keys = gateway_of(request).notary_keys
    answer = NotaryKeys(keys=[_published(key, place == 0) for place, key in enumerate(keys)])
    return json_answer(orjson.dumps(answer.model_dump()), headers={"Cache-Control": "max-age=300"})


def _published(key: VerifierKey, current: bool) -> NotaryKey:
    return NotaryKey(vkey=str(key), origin=key.name, status="current" if current else "retired")


def _log(request: Request) -> MerkleLog:
    gateway = gateway_of(request)
    gateway.caller(request, "read")
    return _known(gateway)


def _known(gateway: Gateway) -> MerkleLog:
    if not gateway.notary_keys:
        raise Problem(NOT_FOUND, "this gateway knows no notary: NOTARY_PUBLIC_KEYS is not set")
    return gateway.merkle


async def _told(asked: Awaitable[Result]) -> Result:
    try:
        return await asked
    except NotLogged as error:
        raise Problem(NOT_FOUND, str(error)) from None
    except (DamagedLog, DamagedPlace, BadBundle) as error:
        log.error("what the store holds of the Merkle log was altered", reason=str(error))
        raise Problem(DAMAGED, "what the store holds of the log was altered, or is of an earlier form") from error
    except (Retryable, Refused) as error:
        raise Problem(STORE_UNAVAILABLE, "the log cannot be read now", retry_after_s=RETRY_AFTER_S) from error


def _spelled(proof: list[bytes]) -> list[str]:
    return [base64.b64encode(one).decode() for one in proof]
