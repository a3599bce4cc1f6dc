"""What the gateway answers, as models: the OpenAPI document is made from them, and tests hold the answers to them."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from schemas.api import ArtifactKind, RecordedConsent, TraceId
from schemas.events import ArtifactRef, Digest

Stage = Literal["received", "assembled", "validated", "judged", "done"]
Time = Annotated[str, Field(json_schema_extra={"format": "date-time"})]


class Answer(BaseModel):
    """Closed and immutable, so that an answer cannot say more than the document."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Created(Answer):
    """A trace has begun. The upload token takes its chunks, artifacts and completion, until it expires."""

    trace_id: TraceId
    upload_token: str
    upload_token_expires_at_s: int
    project: str
    consent: RecordedConsent
    consent_source: Literal["given", "policy"]
    message: str = "Trace created successfully"


class UploadToken(Answer):
    """A fresh upload token."""

    upload_token: str
    upload_token_expires_at_s: int


class Status(Answer):
    """How far a trace has come: `reached` are its stages so far; `done` is assembled, validated and judged."""

    trace_id: TraceId
    stage: Stage
    reached: list[Stage]
    revision: int | None = Field(None, description="what the stages are about, once it is assembled")


class FaultAnswer(Answer):
    """What is wrong at one place of the body."""

    pointer: str = Field(description="JSON Pointer (RFC 6901); empty for the whole body")
    reason: str
    event_index: int | None = None


class Receipt(Answer):
    """Signed proof that the log has a chunk. The signature (Ed25519) is over the canonical JSON of `chunk_digest`,
    `chunk_seq`, `offset`, `partition`, `received_at_us`, `topic` and `trace_id`."""

    trace_id: TraceId
    chunk_seq: int
    chunk_digest: Digest
    topic: str
    partition: int
    offset: int
    received_at_us: int
    key_id: str
    signature: str = Field(description="base64")
    events: int = Field(description="events that were taken")
    redactions: dict[str, int] = Field(description="secrets removed, by rule")
    late: bool = Field(
        False,
        description="the trace was completed before; false also where this process has not seen the completion. "
        "Either way the trace gets a new revision",
    )
    rejected: list[FaultAnswer] | None = Field(
        None, description="with `on_invalid=reject-events`: the first fault of each event that was not taken"
    )


class ReceiptKey(Answer):
    """A public key of receipts as a JWK (RFC 8037). `retired`: it signs no more, its receipts still hold."""

    kty: Literal["OKP"]
    crv: Literal["Ed25519"]
    alg: Literal["EdDSA"]
    use: Literal["sig"]
    kid: str
    x: str = Field(description="base64url, without padding")
    status: Literal["current", "retired"]


class ReceiptKeys(Answer):
    """A JWK Set (RFC 7517); the key that signs now is the first."""

    keys: list[ReceiptKey]


class NotaryKey(Answer):
    """A key that signs checkpoints."""

    vkey: str = Field(description="name, key id in hex, type and key in base64 (https://c2sp.org/signed-note)")
    origin: str = Field(description="first line of the checkpoints that it signs")
    status: Literal["current", "retired"]


class NotaryKeys(Answer):
    """The keys of the Merkle log's notary; the one that signs now is the first."""

    keys: list[NotaryKey]


class Inclusion(Answer):
    """The proof (RFC 6962) that a leaf is in the tree of `size` leaves; `checkpoint` is the latest one."""

    leaf_hash: str
    index: int
    size: int
    proof: list[str] = Field(description="hashes in base64, the leaf's side first")
    checkpoint: str


class Consistency(Answer):
    """The proof (RFC 6962) that the tree of `old` leaves is the beginning of that of `new`; `checkpoint` is the latest
    one."""

    old: int
    new: int
    proof: list[str] = Field(description="hashes in base64")
    checkpoint: str


class Completed(Answer):
    """The completion is in the log; assembly follows."""

    trace_id: TraceId
    completed_at_us: int
    message: str = "Trace completed"


class Erasure(Answer):
    """The erasure of these traces is in the log; views and stores follow within seconds."""

    trace_ids: list[TraceId]
    erased_at_us: int
    message: str = "Erasure recorded"


class StoredArtifact(Answer):
    """A file was stored, after redaction. `uri` is what events refer to."""

    uri: ArtifactRef
    sha256: Digest
    size: int
    name: str
    kind: ArtifactKind
    redactions: dict[str, int]


class EventPage(Answer):
    """Stored events in order; `next` is the `first` of the next page, absent on the last one."""

    events: list[dict[str, Any]]
    next: int | None = None


class TracePage(Answer):
    """Traces, newest first; `cursor` leads to the next page, absent on the last one."""

    traces: list[dict[str, Any]]
    cursor: str | None = None


class Trace(BaseModel):
    """A trace as far as it has come. Before assembly only ids, stage and times are there."""

    trace_version: Literal["1.0"]
    trace_id: TraceId
    project: str
    stage: Stage
    revision: int | None = None
    outcome: str | None = None
    received_at: Time | None = None
    completed_at: Time | None = None
    created_at: Time | None = None
    closed_at: Time | None = None
    queryable_at: Time | None = None
    session: dict[str, Any] | None = None
    task: dict[str, Any] | None = None
    repo: dict[str, Any] | None = None
    environment: dict[str, str] | None = None
    events: list[dict[str, Any]] | None = None
    artifacts: dict[str, Any] | None = None
    metrics: dict[str, Any] | None = None
    qa: dict[str, Any] | None = None
    integrity: dict[str, Any] | None = None
    redactions: dict[str, int] | None = None


class Pending(Answer):
    """The id is so young that nothing about it can be queried yet."""

    trace_id: TraceId
    stage: Literal["received"] = "received"
    message: str = "Not queryable yet; try again"


class ProblemAnswer(Answer):
    """RFC 9457 problem details."""

    type: str
    title: str
    status: int
    detail: str
    errors: list[FaultAnswer] | None = None


class RefreshToken(BaseModel):
    """`POST /v1/traces/{id}/upload-token`: the trace's earlier token, which may have expired."""

    model_config = ConfigDict(extra="forbid", strict=True)
    upload_token: str = Field(max_length=4096)
