"""The HTTP interface as Python calls. Waits out 429 and 503, and repeats lost requests under the same Idempotency-Key.

A call returns what the server confirmed, or raises `ApiProblem` (refused) or `ConnectionLost` (never answered).
"""

import base64
import hashlib
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import httpx2
import orjson
from pydantic import BaseModel, ConfigDict

from clients.problems import ApiProblem
from clients.retries import Retries
from clients.transport import IDEMPOTENCY_KEY, Transport
from schemas.api import ArtifactKind, CompleteTrace, CreateTrace


class Answer(BaseModel):
    """An answer of the server. Fields that a newer server adds are kept, so that a stored receipt stays complete."""

    model_config = ConfigDict(frozen=True, extra="allow")


class Created(Answer):
    """A new trace and the token that uploads to it, and to nothing else."""

    trace_id: str
    upload_token: str
    message: str = ""


class Receipt(Answer):
    """The server's signed word that the log has this chunk. Keep it: it proves the acceptance later."""

    trace_id: str
    chunk_seq: int
    chunk_digest: str
    topic: str
    partition: int
    offset: int
    received_at_us: int
    key_id: str
    signature: str
    late: bool = False


class Artifact(Answer):
    """A stored file; `uri` is what events refer to. `size` in bytes, after redaction."""

    uri: str
    sha256: str
    size: int


class Erasure(Answer):
    """The traces whose erasure is in the log."""

    trace_ids: list[str]


class TelemetryClient:
    """One connection pool to one server, for one thread. `token` is the caller's; uploads use that of their trace."""

    def __init__(
        self,
        base_url: str,
        token: str,
        *,
        retries: Retries | None = None,
        timeout_s: float = 30.0,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._http = Transport(base_url, retries or Retries(), timeout_s, sleep)
        self._token = token

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections; the client cannot be used afterwards."""
        self._http.close()

    def reach(self) -> None:
        """Find out whether a server answers at all. Raises ConnectionLost."""
        with suppress(ApiProblem):
            self._http.send("GET", "/healthz", self._token)

    def create(self, trace: CreateTrace) -> Created:
        """Begin a trace. An answer that got lost is not asked for again: it may have begun one."""
        body = trace.model_dump_json(exclude_none=True).encode()
        response = self._http.send("POST", "/v1/traces", self._token, body, repeatable=False)
        return Created.model_validate_json(response.content)

    def refresh(self, created: Created) -> Created:
        """The trace with a fresh upload token; its earlier one may have expired. Repeating is harmless."""
        path = f"/v1/traces/{created.trace_id}/upload-token"
        body = orjson.dumps({"upload_token": created.upload_token})
        answer = orjson.loads(self._http.send("POST", path, self._token, body).content)
        return created.model_copy(update={"upload_token": str(answer["upload_token"])})

    def ingest(self, created: Created, chunk: Mapping[str, Any]) -> Receipt:
        """Upload one chunk (the body of `schemas.api.IngestChunk`). The same chunk again gives the same receipt."""
        key = {IDEMPOTENCY_KEY: f"{created.trace_id}:{chunk['chunk_seq']}"}
        path = f"/v1/traces/{created.trace_id}/events:ingest"
        response = self._http.send("POST", path, created.upload_token, orjson.dumps(chunk), headers=key)
        return Receipt.model_validate_json(response.content)

    def upload(
        self,
        created: Created,
        name: str,
        content: bytes,
        *,
        kind: ArtifactKind = "other",
        content_type: str = "application/octet-stream",
    ) -> Artifact:
        """Store `content` as the trace's artifact `name`. Content-addressed: repeating it stores nothing new.

        Its digest goes with it, so that what was altered on the way is refused.
        """
        path = f"/v1/traces/{created.trace_id}/artifacts/{quote(name, safe='')}?kind={kind}"
        digest = base64.b64encode(hashlib.sha256(content).digest()).decode()
        headers = {"Content-Type": content_type, "Content-Digest": f"sha-256=:{digest}:"}
        response = self._http.send("PUT", path, created.upload_token, content, headers=headers)
        return Artifact.model_validate_json(response.content)

    def complete(self, created: Created, *, event_count: int, last_digest: str | None) -> None:
        """Declare the trace finished. `last_digest` is the chunk digest of the last receipt, `event_count` all sent."""
        body = CompleteTrace(event_count=event_count, last_digest=last_digest).model_dump_json(exclude_none=True)
        self._http.send("POST", f"/v1/traces/{created.trace_id}/complete", created.upload_token, body.encode())

    def get(self, trace_id: str) -> dict[str, Any] | None:
        """The whole trace as far as it has come, or None while nothing of it can be queried yet."""
        response = self._http.send("GET", f"/v1/traces/{quote(trace_id, safe='')}", self._token)
        return None if response.status_code == httpx2.codes.ACCEPTED else orjson.loads(response.content)

    def erase(self, trace_id: str, reason: str = "") -> Erasure:
        """Erase a trace for good; again is harmless. Views and stores follow within seconds."""
        return self._erase(f"/v1/traces/{quote(trace_id, safe='')}", reason=reason)

    def erase_participant(self, participant_id: str, project: str = "", reason: str = "") -> Erasure:
        """Erase all traces of a participant that have begun by now, in one project."""
        return self._erase(f"/v1/participants/{quote(participant_id, safe='')}", project=project, reason=reason)

    def _erase(self, path: str, **said: str) -> Erasure:
        params: dict[str, str | int] = {name: value for name, value in said.items() if value}
        return Erasure.model_validate_json(self._http.send("DELETE", path, self._token, params=params).content)

    def bundle(self, trace_id: str, held: int = 0) -> bytes | None:
        """All that proves a trace, or None while no checkpoint covers it; `held`: size of an earlier checkpoint."""
        path = f"/v1/traces/{quote(trace_id, safe='')}/bundle"
        response = self._http.send("GET", path, self._token, params={"from": held})
        return None if response.status_code == httpx2.codes.ACCEPTED else response.content

    def list_traces(self, **filters: str | int) -> dict[str, Any]:
        """One page of the caller's traces; `cursor=` of the page before gives the next one."""
        page: dict[str, Any] = orjson.loads(self._http.send("GET", "/v1/traces", self._token, params=filters).content)
        return page
