"""Request bodies of the HTTP interface, shared by the gateway that checks them and the clients that write them."""

from typing import Annotated, Literal

from pydantic import Field

from schemas.events import AnyEvent, Count, Digest, Wire

Name = Annotated[str, Field(min_length=1, max_length=256)]
Label = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-][A-Za-z0-9_.-]{0,63}$")]
TraceId = Annotated[str, Field(pattern=r"^trace-[0-9a-f]{32}$")]
Consent = Literal["research", "training", "declined"]
RecordedConsent = Literal["research", "training"]
MOST_EVENTS = 1000
PolicyConsent = Literal["research", "training", "ask"]
ArtifactKind = Literal["log", "report", "workspace", "other"]


class CreateTrace(Wire):
    """`POST /v1/traces`. Without `consent` the project's recorded policy decides; `declined` is always refused.

    `research`: analysis only; `training`: analysis and exports for training.
    """

    participant_id: Name
    consent: Consent | None = None
    task_id: Name
    task_title: Annotated[str, Field(min_length=1, max_length=1024)]
    task_description: Annotated[str, Field(max_length=65_536)] | None = None
    repo_origin: Annotated[str, Field(min_length=1, max_length=1024)]
    start_commit: Annotated[str, Field(pattern=r"^[0-9a-f]{7,64}$")] | None = None
    environment: dict[Label, Annotated[str, Field(max_length=1024)]] = Field(
        default_factory=dict, max_length=64, json_schema_extra={"additionalProperties": False}
    )
    project: Label = "default"


class ChunkEnvelope(Wire):
    """What a chunk says of itself, apart from its events."""

    chunk_id: Name
    chunk_seq: Count
    prev_chunk_digest: Digest | None = None


class IngestChunk(ChunkEnvelope):
    """`POST /v1/traces/{id}/events:ingest`: one atomic, idempotent chunk, identified by (trace, chunk_seq)."""

    events: Annotated[list[AnyEvent], Field(min_length=1, max_length=MOST_EVENTS)]


class CompleteTrace(Wire):
    """`POST /v1/traces/{id}/complete`: what the client believes it sent closes truncation at the tail."""

    event_count: Count | None = None
    last_digest: Digest | None = None
