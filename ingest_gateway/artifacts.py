"""Handlers of artifacts: stored under their digest first, then named in the log, then acknowledged.

The same bytes again are the same artifact, so that a transfer that failed is simply tried again. A private artifact (a
workspace) is stored as it came, elsewhere, and served to nobody. What is served has the digest that was asked for.
"""

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import BinaryIO

from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from ingest_gateway.answers import StoredArtifact
from ingest_gateway.auth import Upload
from ingest_gateway.encodings import supported
from ingest_gateway.gateway import Gateway, context_of, gateway_of, trace_id_of
from ingest_gateway.problems import DAMAGED, NOT_FOUND, STORE_UNAVAILABLE, UNSUPPORTED_MEDIA_TYPE, Problem
from ingest_gateway.ranges import part
from ingest_gateway.redaction import Redactor
from ingest_gateway.spool import PIECE, measured, open_spool, spooled, type_taken, without_secrets
from ingest_gateway.validation import artifact_kind, artifact_name
from ingest_gateway.writes import model_answer
from pipeline.canonical import PREFIX
from pipeline.errors import Refused, Retryable
from pipeline.objectstore import ObjectMissing, artifact_key
from pipeline.telemetry import logger
from schemas.records import ArtifactStored

MEDIA_TYPE = re.compile(r"[a-z0-9][a-z0-9.+-]{0,63}/[a-z0-9][a-z0-9.+-]{0,63}")
UNTYPED = "application/octet-stream"
# Content of strangers must never run in a browser as ours.
INERT = {"X-Content-Type-Options": "nosniff", "Content-Disposition": "attachment", "Content-Security-Policy": "sandbox"}
log = logger(__name__)


def _content_type(request: Request, taken: str) -> str:
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    media_type = media_type if MEDIA_TYPE.fullmatch(media_type) else UNTYPED
    if not type_taken(media_type, taken) or supported(request.headers.get("content-encoding")) != "identity":
        raise Problem(UNSUPPORTED_MEDIA_TYPE, f"artifacts are taken as they are, and of the types {taken}")
    return media_type


async def put_artifact(request: Request) -> Response:
    """`PUT /v1/traces/{id}/artifacts/{name}?kind=`."""
    gateway = gateway_of(request)
    upload = gateway.upload(request, trace_id_of(request))
    kind, name = (
        artifact_kind(request.query_params.get("kind", "other")),
        artifact_name(request.path_params["artifact"]),
    )
    content_type = _content_type(request, gateway.settings.artifact_types)
    limits = replace(
        gateway.body_limits, most_bytes=gateway.settings.max_artifact_bytes, in_flight=gateway.spooled_bytes
    )
    redactor = gateway.redactor(upload.project)
    with gateway.admission.uploading(upload.trace_id):
        async with spooled(request, limits) as raw:
            private = kind == "workspace"
            clean = raw if private else await asyncio.to_thread(without_secrets, raw, redactor)
            with clean:
                sha256, size = await asyncio.to_thread(measured, clean)
                await _store(gateway, artifact_key(upload.project, upload.trace_id, sha256, private), clean, size)
        about = {"name": redactor.text(name), "kind": kind, "sha256": sha256, "size": size}
        record = _record(upload, {**about, "content_type": content_type, "private": private}, gateway.clock(), redactor)
        await gateway.log.append(upload.trace_id, record, headers=context_of(request))
    gateway.metrics.artifact_bytes.inc(size)
    gateway.count_redactions(record.redactions)
    return model_answer(StoredArtifact(uri=f"artifact:{sha256}", redactions=record.redactions, **about), 201)


async def _store(gateway: Gateway, key: str, file: BinaryIO, size: int) -> None:
    try:
        await gateway.store.put_file(key, file, size)
    except (Retryable, Refused) as error:
        raise Problem(STORE_UNAVAILABLE, "the artifact cannot be stored now", retry_after_s=2) from error


def _record(upload: Upload, about: dict[str, object], at_us: int, redactor: Redactor) -> ArtifactStored:
    fields: dict[str, object] = {
        "trace_id": upload.trace_id,
        "project": upload.project,
        "created_offset": upload.created_offset,
        "received_at_us": at_us,
        "redactions": dict(redactor.counts),
    }
    return ArtifactStored(**fields, **about)  # type: ignore[arg-type]


async def get_artifact(request: Request) -> Response:
    """`GET /v1/traces/{id}/artifacts/{sha256}`, whole or a range of it; private ones are not found."""
    gateway = gateway_of(request)
    trace_id, caller = trace_id_of(request), gateway.caller(request, "read-files")
    sha256 = request.path_params["artifact"].removeprefix(PREFIX)
    project = await gateway.reads.project_of(trace_id, caller)
    if project is None or not re.fullmatch(r"[0-9a-f]{64}", sha256):
        raise Problem(NOT_FOUND, "no such artifact")
    file = open_spool()
    try:
        size = await _fetch(gateway, artifact_key(project, trace_id, sha256, private=False), sha256, file)
        etag = f'"{sha256}"'
        asked = part(request.headers.get("range"), request.headers.get("if-range"), etag, size)
    except BaseException:
        file.close()
        raise
    begin, end = asked or (0, size)
    headers = {**INERT, "ETag": etag, "Accept-Ranges": "bytes", "Content-Length": str(end - begin)}
    if asked:
        headers["Content-Range"] = f"bytes {begin}-{end - 1}/{size}"
    content = _pieces(file, begin, end)
    return StreamingResponse(content, 206 if asked else 200, headers, UNTYPED, BackgroundTask(file.close))


async def _fetch(gateway: Gateway, key: str, sha256: str, file: BinaryIO) -> int:
    """The whole object, checked before the first byte of it leaves; returns its size."""
    try:
        await gateway.store.get_file(key, file)
    except ObjectMissing:
        raise Problem(NOT_FOUND, "no such artifact") from None
    except (Retryable, Refused) as error:
        raise Problem(STORE_UNAVAILABLE, "the artifact cannot be read now", retry_after_s=2) from error
    found, size = await asyncio.to_thread(measured, file)
    if found != PREFIX + sha256:
        log.error("a stored artifact was altered", key=key, found=found)
        raise Problem(DAMAGED, "what the store holds under this digest does not have it")
    return size


async def _pieces(file: BinaryIO, begin: int, end: int) -> AsyncIterator[bytes]:
    file.seek(begin)
    while begin < end and (piece := await asyncio.to_thread(file.read, min(PIECE, end - begin))):
        begin += len(piece)
        yield piece
