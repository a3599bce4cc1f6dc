"""Handlers of artifacts: stored under their digest first, then named in the log, then acknowledged.

A private artifact (a workspace) is stored as it came, elsewhere, and served to nobody.
"""

import asyncio
import re
from dataclasses import replace

from starlette.requests import Request
from starlette.responses import Response

from ingest_gateway.answers import StoredArtifact
from ingest_gateway.auth import Upload
from ingest_gateway.bodies import body
from ingest_gateway.gateway import context_of, gateway_of, trace_id_of
from ingest_gateway.problems import NOT_FOUND, STORE_UNAVAILABLE, Problem
from ingest_gateway.redaction import Redactor
from ingest_gateway.validation import artifact_kind, artifact_name
from ingest_gateway.writes import model_answer
from pipeline.canonical import PREFIX, digest
from pipeline.errors import Refused, Retryable
from pipeline.objectstore import ObjectMissing, artifact_key
from schemas.records import ArtifactStored

MEDIA_TYPE = re.compile(r"[a-z0-9][a-z0-9.+-]{0,63}/[a-z0-9][a-z0-9.+-]{0,63}")
UNTYPED = "application/octet-stream"
# Content of strangers must never run in a browser as ours.
INERT = {"X-Content-Type-Options": "nosniff", "Content-Disposition": "attachment", "Content-Security-Policy": "sandbox"}


def _content_type(request: Request) -> str:
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    return media_type if MEDIA_TYPE.fullmatch(media_type) else UNTYPED


def _record(request: Request, upload: Upload, data: bytes, at_us: int, redactor: Redactor) -> ArtifactStored:
    kind = artifact_kind(request.query_params.get("kind", "other"))
    name = redactor.text(artifact_name(request.path_params["name"]))
    return ArtifactStored(
        trace_id=upload.trace_id,
        project=upload.project,
        created_offset=upload.created_offset,
        name=name,
        kind=kind,
        sha256=digest(data),
        size=len(data),
        content_type=_content_type(request),
        private=kind == "workspace",
        received_at_us=at_us,
        redactions=dict(redactor.counts),
    )


async def put_artifact(request: Request) -> Response:
    """`PUT /v1/traces/{id}/artifacts/{name}?kind=`. Any content type is taken."""
    gateway = gateway_of(request)
    upload = gateway.upload(request, trace_id_of(request))
    private = artifact_kind(request.query_params.get("kind", "other")) == "workspace"
    artifact_name(request.path_params["name"])
    redactor = gateway.redactor(upload.project)
    limits = replace(gateway.body_limits, most_bytes=gateway.settings.max_artifact_bytes)
    with gateway.admission.uploading(upload.trace_id):
        async with body(request, limits) as content:
            data = content if private else await asyncio.to_thread(redactor.file, content)
            record = _record(request, upload, data, gateway.clock(), redactor)
            try:
                await gateway.store.put(artifact_key(upload.project, upload.trace_id, record.sha256, private), data)
            except (Retryable, Refused) as error:
                raise Problem(STORE_UNAVAILABLE, "the artifact cannot be stored now", retry_after_s=2) from error
            await gateway.log.append(upload.trace_id, record, headers=context_of(request))
    gateway.metrics.artifact_bytes.inc(record.size)
    gateway.count_redactions(record.redactions)
    fields = {name: getattr(record, name) for name in ("sha256", "size", "name", "kind", "redactions")}
    return model_answer(StoredArtifact(uri=f"artifact:{record.sha256}", **fields), 201)


async def get_artifact(request: Request) -> Response:
    """`GET /v1/traces/{id}/artifacts/{sha256}`; private ones are not found."""
    gateway = gateway_of(request)
    trace_id, caller = trace_id_of(request), gateway.caller(request, "read-files")
    sha256 = request.path_params["sha256"].removeprefix(PREFIX)
    project = await gateway.reads.project_of(trace_id, caller)
    if project is None or not re.fullmatch(r"[0-9a-f]{64}", sha256):
        raise Problem(NOT_FOUND, "no such artifact")
    try:
        data = await gateway.store.get(artifact_key(project, trace_id, sha256, private=False))
    except ObjectMissing:
        raise Problem(NOT_FOUND, "no such artifact") from None
    except (Retryable, Refused) as error:
        raise Problem(STORE_UNAVAILABLE, "the artifact cannot be read now", retry_after_s=2) from error
    return Response(data, headers={**INERT, "ETag": f'"{sha256}"'}, media_type=UNTYPED)
