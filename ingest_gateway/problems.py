"""Every way a request can be refused: one table of problem types, and the RFC 9457 answer made from each.

The types are stable URNs, explained one by one in docs/api-errors.md (a test holds the two together). An answer never
repeats a value of the request: it may be a secret.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from starlette.responses import Response

URN = "urn:pr-telemetry:problem:"
MEDIA_TYPE = "application/problem+json"


@dataclass(frozen=True, slots=True)
class Kind:
    """One problem type: its slug ends the URN; status and title are the same each time."""

    slug: str
    status: int
    title: str

    @property
    def type(self) -> str:
        """The stable type URI."""
        return URN + self.slug


MALFORMED_REQUEST = Kind("malformed-request", 400, "This is not HTTP/1.1")
MALFORMED_JSON = Kind("malformed-json", 400, "The body is not JSON")
BAD_PARAMETER = Kind("bad-parameter", 400, "A parameter or header is wrong")
INTERRUPTED = Kind("interrupted", 400, "The body ended early")
DIGEST_MISMATCH = Kind("digest-mismatch", 400, "The content is not what its digest says")
BAD_ENCODING = Kind("bad-encoding", 400, "The body is not what its encoding says")
KEY_REQUIRED = Kind("idempotency-key-required", 400, "An Idempotency-Key is required")
UNAUTHORIZED = Kind("unauthorized", 401, "No valid token")
TOKEN_EXPIRED = Kind("token-expired", 401, "The token has expired")
TOKEN_REVOKED = Kind("token-revoked", 401, "The token was revoked")
FOREIGN_TRACE = Kind("foreign-trace", 403, "The token is for another trace")
FOREIGN_PROJECT = Kind("foreign-project", 403, "The token is for another project")
ROLE_FORBIDS = Kind("role-forbids", 403, "The caller's role does not allow this")
CONSENT_REFUSED = Kind("consent-refused", 403, "The participant declined")
NOT_FOUND = Kind("not-found", 404, "Nothing is here")
METHOD_NOT_ALLOWED = Kind("method-not-allowed", 405, "The method is not supported here")
TOO_SLOW = Kind("too-slow", 408, "The request came too slowly")
IN_FLIGHT = Kind("in-flight", 409, "The same request is still being worked on")
ERASED = Kind("erased", 410, "The trace was erased")
TOO_LARGE = Kind("too-large", 413, "The content is too large")
UNSUPPORTED_MEDIA_TYPE = Kind("unsupported-media-type", 415, "The content type is not supported")
RANGE_UNSATISFIABLE = Kind("range-unsatisfiable", 416, "The file has no such range")
INVALID_BODY = Kind("invalid-body", 422, "The body does not follow the schema")
CONSENT_REQUIRED = Kind("consent-required", 422, "Consent must be given")
IDEMPOTENCY_CONFLICT = Kind("idempotency-conflict", 422, "The key was used for other content")
RATE_LIMITED = Kind("rate-limited", 429, "Too many requests")
TOO_MANY_UPLOADS = Kind("too-many-uploads", 429, "Too many uploads of this trace at once")
HEAD_TOO_LARGE = Kind("head-too-large", 431, "The request's head is too large")
INTERNAL = Kind("internal", 500, "The gateway failed")
DAMAGED = Kind("damaged", 500, "The stored file was altered")
LOG_UNAVAILABLE = Kind("log-unavailable", 503, "The log cannot be written now")
STORE_UNAVAILABLE = Kind("store-unavailable", 503, "The store cannot be reached now")
OVERLOADED = Kind("overloaded", 503, "Too much is in flight")

KINDS: tuple[Kind, ...] = (
    MALFORMED_REQUEST,
    MALFORMED_JSON,
    BAD_PARAMETER,
    INTERRUPTED,
    DIGEST_MISMATCH,
    BAD_ENCODING,
    KEY_REQUIRED,
    UNAUTHORIZED,
    TOKEN_EXPIRED,
    TOKEN_REVOKED,
    FOREIGN_TRACE,
    FOREIGN_PROJECT,
    ROLE_FORBIDS,
    CONSENT_REFUSED,
    NOT_FOUND,
    METHOD_NOT_ALLOWED,
    TOO_SLOW,
    IN_FLIGHT,
    ERASED,
    TOO_LARGE,
    UNSUPPORTED_MEDIA_TYPE,
    RANGE_UNSATISFIABLE,
    INVALID_BODY,
    CONSENT_REQUIRED,
    IDEMPOTENCY_CONFLICT,
    RATE_LIMITED,
    TOO_MANY_UPLOADS,
    HEAD_TOO_LARGE,
    INTERNAL,
    DAMAGED,
    LOG_UNAVAILABLE,
    STORE_UNAVAILABLE,
    OVERLOADED,
)


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong at one place of the body. `pointer` is an RFC 6901 JSON Pointer, "" is the whole body."""

    pointer: str
    reason: str
    event_index: int | None = None

    def plain(self) -> dict[str, Any]:
        """The fault as a JSON object."""
        index = {} if self.event_index is None else {"event_index": self.event_index}
        return {"pointer": self.pointer, "reason": self.reason, **index}


class Problem(Exception):
    """The request is refused. `retry_after_s` seconds is when trying again makes sense."""

    def __init__(
        self,
        kind: Kind,
        detail: str,
        faults: tuple[Fault, ...] = (),
        retry_after_s: int | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(f"{kind.slug}: {detail}")
        self.kind, self.detail, self.faults, self.retry_after_s = kind, detail, faults, retry_after_s
        self._headers = dict(headers or {})

    def plain(self) -> dict[str, Any]:
        """The problem as RFC 9457's JSON object."""
        kind = self.kind
        members = {"type": kind.type, "title": kind.title, "status": kind.status, "detail": self.detail}
        return {**members, "errors": [fault.plain() for fault in self.faults]} if self.faults else members

    def response(self, headers: dict[str, str] | None = None) -> Response:
        """The answer, with Retry-After and WWW-Authenticate where they belong."""
        added = {**self._headers, **(headers or {})}
        if self.retry_after_s is not None:
            added["Retry-After"] = str(self.retry_after_s)
        if self.kind.status == 401:
            added["WWW-Authenticate"] = "Bearer"
        return Response(orjson.dumps(self.plain()), self.kind.status, added, MEDIA_TYPE)
