"""Every topic, in one table: deploy, README, tests and services derive from it."""

from dataclasses import dataclass
from typing import Literal

DAY_MS = 24 * 3600 * 1000
Cleanup = Literal["delete", "compact"]


@dataclass(frozen=True, slots=True)
class Topic:
    """One topic. `partitions` is (development, production) and never changes once created; retention -1 is for ever.

    A topic that nobody writes or reads yet is there already: its name, key and partitions are part of the contract.
    """

    name: str
    records: tuple[str, ...]
    key: str
    writers: tuple[str, ...]
    readers: tuple[str, ...]
    partitions: tuple[int, int] = (4, 24)
    cleanup: Cleanup = "delete"
    retention_ms: int = 14 * DAY_MS
    dead_letters: bool = True

    @property
    def dlq(self) -> str:
        """Name of the topic that takes the records a reader of this one refused."""
        return f"{self.name}.dlq"


TRACE_LOG = Topic(
    "trace-log",
    ("TraceCreated", "EventsAppended", "ArtifactStored", "TraceCompleted", "TraceExpired", "TraceErased"),
    "trace_id",
    ("ingest_gateway", "streams"),
    ("streams", "sinks"),
)
TRACE_ASSEMBLED = Topic(
    "trace-assembled", ("TraceAssembled",), "trace_id", ("streams",), ("sandbox", "judge", "sinks", "notary")
)
TRACE_VALIDATED = Topic("trace-validated", ("TraceValidated",), "trace_id", ("sandbox",), ("sinks", "notary"))
TRACE_JUDGED = Topic("trace-judged", ("TraceJudged",), "trace_id", ("judge",), ("sinks", "notary"))
RESCORES = Topic("rescores", ("TraceJudged",), "trace_id", ("judge", "cli"), ("sinks", "notary"))
INTEGRITY_LOG = Topic(
    "integrity-log",
    ("LeafAppended", "CheckpointSigned"),
    "-",
    ("notary",),
    ("notary", "sinks"),
    partitions=(1, 1),
    retention_ms=-1,
)
CONTROL = Topic(
    "control",
    ("ApiKeyRecorded", "ProjectPolicy", "TokenRevoked", "RunManifest", "RunStateChanged", "RunPromoted"),
    "kind/id",
    ("ingest_gateway", "cli", "judge"),
    ("ingest_gateway", "cli", "judge", "sinks"),
    partitions=(1, 1),
    cleanup="compact",
    retention_ms=-1,
    dead_letters=False,
)
AUDIT_LOG = Topic("audit-log", ("AuditEntry",), "project", ("ingest_gateway", "cli"), ("sinks",), retention_ms=-1)
REJECTS = Topic("rejects", ("EventRejected",), "project", ("ingest_gateway",), ("sinks",))
ASSEMBLY_PROGRESS = Topic(
    "assembly-progress",
    ("AssemblyProgress",),
    "partition",
    ("streams",),
    ("streams",),
    partitions=(1, 1),
    cleanup="compact",
    retention_ms=-1,
    dead_letters=False,
)

TOPICS: tuple[Topic, ...] = (
    TRACE_LOG,
    TRACE_ASSEMBLED,
    TRACE_VALIDATED,
    TRACE_JUDGED,
    RESCORES,
    INTEGRITY_LOG,
    CONTROL,
    AUDIT_LOG,
    REJECTS,
    ASSEMBLY_PROGRESS,
)
