"""The table of all calls: the router and the OpenAPI document are both made from it, so neither can lie."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from ingest_gateway import answers, artifacts, browse, erasures, integrity, operations, problems, progress, writes
from ingest_gateway.problems import Kind
from pipeline import receipts
from pipeline.access import PROJECT
from schemas import api

Handler = Callable[[Request], Awaitable[Response]]
Token = Literal["caller", "upload", "none"]
Media = str
WRITE = (problems.LOG_UNAVAILABLE, problems.OVERLOADED, problems.TOO_LARGE, problems.INTERRUPTED)
JSON_BODY = (problems.MALFORMED_JSON, problems.INVALID_BODY, problems.UNSUPPORTED_MEDIA_TYPE)
CALLER = (
    problems.UNAUTHORIZED,
    problems.TOKEN_EXPIRED,
    problems.TOKEN_REVOKED,
    problems.ROLE_FORBIDS,
    problems.LOG_UNAVAILABLE,
)
UPLOAD = (
    problems.UNAUTHORIZED,
    problems.TOKEN_EXPIRED,
    problems.TOKEN_REVOKED,
    problems.FOREIGN_TRACE,
    problems.NOT_FOUND,
)
READ = (*CALLER, problems.NOT_FOUND, problems.STORE_UNAVAILABLE, problems.BAD_PARAMETER)
CONSENT = (problems.CONSENT_REFUSED, problems.CONSENT_REQUIRED)


@dataclass(frozen=True)
class Parameter:
    """A parameter outside the path."""

    name: str
    place: Literal["query", "header"]
    description: str
    schema: dict[str, Any] = field(default_factory=lambda: {"type": "string"})


def whole_number(least: int, most: int) -> dict[str, Any]:
    """The schema of a parameter between two numbers, both included."""
    return {"type": "integer", "minimum": least, "maximum": most}


@dataclass(frozen=True)
class Call:
    """One call. `takes` and `answers` name a model, or a media type where the content is no JSON of ours."""

    method: str
    path: str
    handler: Handler
    summary: str
    token: Token
    answers: dict[int, type[BaseModel] | Media]
    takes: type[BaseModel] | Media | None = None
    body_required: bool = field(default=True, kw_only=True)
    problems: tuple[Kind, ...] = ()
    parameters: tuple[Parameter, ...] = field(default=())

    @property
    def writes(self) -> bool:
        """Whether the call appends to the log."""
        return self.method in ("POST", "PUT", "DELETE") and self.handler is not writes.upload_token


def implied_problems(call: Call) -> tuple[Kind, ...]:
    """What can also happen to a call because of its token and its body."""
    kinds = [problems.MALFORMED_REQUEST, problems.HEAD_TOO_LARGE, problems.INTERNAL]
    if call.token != "none":
        kinds.append(problems.RATE_LIMITED)
    if call.takes is not None:
        kinds += [problems.TOO_SLOW, problems.UNSUPPORTED_MEDIA_TYPE]
        kinds += [problems.TOO_MANY_UPLOADS] if call.token == "upload" else []
    if isinstance(call.takes, type):
        kinds.append(problems.BAD_ENCODING)
    return tuple(kinds)


CONTENT_DIGEST = Parameter(
    "Content-Digest",
    "header",
    "`sha-256=:<base64>:` (RFC 9530) of the content as it is sent; other content is refused, other algorithms ignored",
)
CONTENT_ENCODING = Parameter("Content-Encoding", "header", "gzip, zstd or identity")
TRACE_CONTEXT = (
    Parameter("traceparent", "header", "W3C trace context; goes on in the headers of what is written to the log"),
    Parameter("tracestate", "header", "goes with a valid `traceparent`"),
)


def implied_parameters(call: Call) -> tuple[Parameter, ...]:
    """The header fields that a call takes because it has a body, or writes to the log."""
    digest = (CONTENT_DIGEST,) if call.takes is not None else ()
    encoding = (CONTENT_ENCODING,) if isinstance(call.takes, type) else ()
    return (*digest, *encoding, *(TRACE_CONTEXT if call.writes else ()))


REASON = Parameter(
    "reason",
    "query",
    f"why, for the audit trail; {erasures.DEFAULT_REASON!r} where not given",
    {"type": "string", "minLength": 1, "maxLength": erasures.LONGEST_REASON},
)

CALLS: tuple[Call, ...] = (
    Call(
        "POST",
        "/v1/traces",
        writes.create,
        "Begin a trace",
        "caller",
        {201: answers.Created},
        api.CreateTrace,
        (*CALLER, problems.FOREIGN_PROJECT, *CONSENT, *JSON_BODY, *WRITE[1:]),
    ),
    Call(
        "GET",
        "/v1/traces",
        browse.list_traces,
        "List traces, newest first",
        "caller",
        {200: answers.TracePage},
        problems=(*CALLER, problems.STORE_UNAVAILABLE, problems.BAD_PARAMETER),
        parameters=(
            Parameter("cursor", "query", "`cursor` of the page before", {"type": "string", "pattern": browse.CURSOR}),
            Parameter("limit", "query", "traces a page", whole_number(1, browse.LARGEST_PAGE)),
        ),
    ),
    Call(
        "GET",
        "/v1/traces/{trace_id}",
        browse.get_trace,
        "Read a whole trace, as far as it has come",
        "caller",
        {200: answers.Trace, 202: answers.Pending},
        problems=(*READ, problems.ERASED),
    ),
    Call(
        "DELETE",
        "/v1/traces/{trace_id}",
        erasures.erase_trace,
        "Erase a trace from every view, store and export",
        "caller",
        {202: answers.Erasure},
        problems=(*READ, problems.FOREIGN_PROJECT),
        parameters=(REASON,),
    ),
    Call(
        "DELETE",
        "/v1/participants/{participant:path}",
        erasures.erase_participant,
        "Erase all traces of a participant that have begun by now",
        "caller",
        {202: answers.Erasure},
        problems=(*READ, problems.FOREIGN_PROJECT),
        parameters=(
            Parameter(
                "project",
                "query",
                "the project; the caller's own where not given",
                {"type": "string", "pattern": f"^{PROJECT.pattern}$"},
            ),
            REASON,
        ),
    ),
    Call(
        "GET",
        "/v1/traces/{trace_id}/status",
        progress.get_status,
        "Ask how far a trace has come",
        "caller",
        {200: answers.Status, 202: answers.Pending},
        problems=(*READ[:-1], problems.ERASED),
    ),
    Call(
        "GET",
        "/v1/traces/{trace_id}/status:stream",
        progress.stream_status,
        "Follow a trace through its stages: server-sent events `stage`, each with a Status, and a last one `end`",
        "caller",
        {200: progress.SSE},
        problems=(*READ[:-1], problems.ERASED, problems.OVERLOADED),
    ),
    Call(
        "GET",
        "/v1/traces/{trace_id}/events",
        browse.get_events,
        "Read the events of an assembled trace, page by page",
        "caller",
        {200: answers.EventPage},
        problems=(*READ, problems.ERASED),
        parameters=(
            Parameter("first", "query", "place of the first event, from 0", whole_number(0, browse.LAST_FIRST)),
            Parameter("limit", "query", "events a page", whole_number(1, browse.LARGEST_EVENT_PAGE)),
        ),
    ),
    Call(
        "POST",
        "/v1/traces/{trace_id}/events:ingest",
        writes.ingest,
        "Append one chunk of events; 201 with a receipt, 200 where the same chunk was taken before",
        "upload",
        {201: answers.Receipt, 200: answers.Receipt},
        api.IngestChunk,
        (
            *UPLOAD,
            problems.BAD_PARAMETER,
            problems.KEY_REQUIRED,
            problems.IN_FLIGHT,
            problems.IDEMPOTENCY_CONFLICT,
            *JSON_BODY,
            *WRITE,
        ),
        (
            Parameter(
                "Idempotency-Key",
                "header",
                "the same key with the same body gets the same receipt, with `Idempotency-Replayed: true`, while the "
                "gateway remembers it: by default its latest 30,000 answers (`MAX_REPLAY_BYTES`). What it forgot is "
                "appended once more and counts once",
                {"type": "string", "minLength": 1, "maxLength": writes.LONGEST_KEY},
            ),
            Parameter(
                "on_invalid",
                "query",
                "reject-chunk (the default): one bad event refuses the chunk; reject-events: the good ones are taken, "
                "the bad ones come back in `rejected`",
                {"type": "string", "enum": list(writes.ON_INVALID)},
            ),
        ),
    ),
    Call(
        "POST",
        "/v1/traces/{trace_id}/complete",
        writes.complete,
        "Declare a trace finished",
        "upload",
        {202: answers.Completed},
        api.CompleteTrace,
        (*UPLOAD, *JSON_BODY, *WRITE),
        body_required=False,
    ),
    Call(
        "POST",
        "/v1/traces/{trace_id}/upload-token",
        writes.upload_token,
        "Get a fresh upload token for a long session",
        "caller",
        {200: answers.UploadToken},
        answers.RefreshToken,
        (
            *CALLER,
            problems.FOREIGN_TRACE,
            problems.FOREIGN_PROJECT,
            problems.NOT_FOUND,
            *JSON_BODY,
            *WRITE[1:],
        ),
    ),
    Call(
        "PUT",
        "/v1/traces/{trace_id}/artifacts/{artifact:path}",
        artifacts.put_artifact,
        "Store a file of the session",
        "upload",
        {201: answers.StoredArtifact},
        "application/octet-stream",
        body_required=False,
        problems=(*UPLOAD, problems.BAD_PARAMETER, problems.STORE_UNAVAILABLE, *WRITE),
        parameters=(
            Parameter(
                "kind",
                "query",
                "workspace is private; other is the default",
                {"type": "string", "enum": list(get_args(api.ArtifactKind))},
            ),
        ),
    ),
    Call(
        "GET",
        "/v1/traces/{trace_id}/artifacts/{artifact}",
        artifacts.get_artifact,
        "Read a stored file by its digest",
        "caller",
        {200: "application/octet-stream", 206: "application/octet-stream"},
        problems=(*READ[:-1], problems.RANGE_UNSATISFIABLE, problems.DAMAGED),
        parameters=(
            Parameter("Range", "header", "one range of bytes, `bytes=0-99`"),
            Parameter("If-Range", "header", "the ETag that the range is of"),
        ),
    ),
    Call(
        "GET",
        "/v1/traces/{trace_id}/bundle",
        integrity.bundle,
        "Read all that proves a trace, to be verified offline",
        "caller",
        {200: integrity.BUNDLE, 202: answers.Pending},
        problems=(*READ, problems.ERASED, problems.DAMAGED),
        parameters=(
            Parameter(
                "from",
                "query",
                "size of a checkpoint held: the bundle proves what became of it",
                whole_number(0, integrity.LARGEST_TREE),
            ),
        ),
    ),
    Call(
        "GET",
        "/v1/integrity/checkpoint",
        integrity.checkpoint,
        "Read the latest checkpoint of the Merkle log, a signed note",
        "caller",
        {200: integrity.NOTE},
        problems=(*READ, problems.DAMAGED),
    ),
    Call(
        "GET",
        "/v1/integrity/inclusion/{leaf_hash}",
        integrity.inclusion,
        "Prove that a leaf is in the Merkle log",
        "caller",
        {200: answers.Inclusion},
        problems=(*READ, problems.DAMAGED),
        parameters=(
            Parameter(
                "size",
                "query",
                "leaves of the tree; those of the latest checkpoint where absent",
                whole_number(0, integrity.LARGEST_TREE),
            ),
        ),
    ),
    Call(
        "GET",
        "/v1/integrity/consistency",
        integrity.consistency,
        "Prove that an earlier tree of the Merkle log is the beginning of a later one",
        "caller",
        {200: answers.Consistency},
        problems=(*READ, problems.DAMAGED),
        parameters=(
            Parameter("from", "query", "leaves of the earlier tree", whole_number(0, integrity.LARGEST_TREE)),
            Parameter(
                "to",
                "query",
                "leaves of the later one; those of the latest checkpoint where absent",
                whole_number(0, integrity.LARGEST_TREE),
            ),
        ),
    ),
    Call("GET", "/healthz", operations.healthz, "The process answers", "none", {200: "application/json"}),
    Call(
        "GET",
        "/readyz",
        operations.readyz,
        "The log takes records; keys, revocations and policies are known",
        "none",
        {200: "application/json", 503: "application/json"},
    ),
    Call(
        "GET",
        receipts.PATH,
        operations.receipt_keys,
        "Public keys that check receipts, the current one and retired ones",
        "none",
        {200: answers.ReceiptKeys},
    ),
    Call(
        "GET",
        integrity.KEYS_PATH,
        integrity.notary_keys,
        "Public keys that check checkpoints, the current one and retired ones",
        "none",
        {200: answers.NotaryKeys},
    ),
    Call("GET", "/metrics", operations.metrics, "Prometheus metrics", "none", {200: "text/plain"}),
    Call(
        "GET", "/openapi.json", operations.openapi, "This interface as OpenAPI 3.1", "none", {200: "application/json"}
    ),
    Call("GET", "/docs", operations.docs, "This interface for people", "none", {200: "text/html"}),
)
