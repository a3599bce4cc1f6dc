"""Header fields of requests and answers, each described once, and which answer has which. Pure.

Left out are those that HTTP itself explains on every answer: Content-Type, Content-Length, Date, Connection.
"""

from collections.abc import Callable
from typing import Any

from ingest_gateway import artifacts, browse, integrity, operations, progress, writes

Json = dict[str, Any]
NUMBERS = frozenset({"Retry-After"})
LIMITS = ("RateLimit-Policy", "RateLimit")
TEXTS = {
    "Accept-Encoding": "the content encodings that are taken",
    "Accept-Ranges": "`bytes`: one range of the file may be asked for",
    "Cache-Control": "how long the answer may be kept",
    "Content-Disposition": "`attachment`: never shown in place",
    "Content-Range": "which bytes these are, and of how many; after 416 how many there are",
    "Content-Security-Policy": "nothing in the answer may run",
    "ETag": "the file's digest, for `If-Range`",
    "Idempotency-Replayed": "`true`: this is the answer to an earlier copy of the request",
    "Location": "path of what was made",
    "RateLimit": "what is left: r requests, all again in t seconds; absent where nothing is limited",
    "RateLimit-Policy": "what is allowed: q requests in w seconds; absent where nothing is limited",
    "Retry-After": "seconds",
    "WWW-Authenticate": "`Bearer`",
    "X-Accel-Buffering": "`no`: proxies pass each event on at once",
    "X-Content-Type-Options": "`nosniff`",
}
OF_STATUS: dict[int, tuple[str, ...]] = {
    401: ("WWW-Authenticate",),
    409: ("Retry-After",),
    415: ("Accept-Encoding",),
    416: ("Content-Range",),
    429: ("Retry-After",),
    503: ("Retry-After",),
}
FILE = ("ETag", "Accept-Ranges", *artifacts.INERT)
OF_ANSWER: dict[tuple[Callable[..., Any], int], tuple[str, ...]] = {
    (writes.create, 201): ("Location",),
    (writes.ingest, 200): ("Idempotency-Replayed",),
    (writes.complete, 202): ("Idempotency-Replayed",),
    (browse.get_trace, 202): ("Retry-After",),
    (progress.get_status, 202): ("Retry-After",),
    (progress.stream_status, 200): tuple(progress.UNCACHED),
    (operations.receipt_keys, 200): ("Cache-Control",),
    (integrity.notary_keys, 200): ("Cache-Control",),
    (integrity.checkpoint, 200): ("Cache-Control",),
    (integrity.bundle, 200): ("Content-Disposition",),
    (integrity.bundle, 202): ("Retry-After",),
    (operations.docs, 200): ("Content-Security-Policy",),
    (artifacts.get_artifact, 200): FILE,
    (artifacts.get_artifact, 206): (*FILE, "Content-Range"),
}


def header_fields(handler: Callable[..., Any], status: int, limited: bool) -> Json:
    """The header objects of one answer; `limited` calls say their rate limits on every one."""
    names = (*OF_ANSWER.get((handler, status), ()), *OF_STATUS.get(status, ()), *(LIMITS if limited else ()))
    return {name: _field(name) for name in names}


def _field(name: str) -> Json:
    return {"description": TEXTS[name], "schema": {"type": "integer" if name in NUMBERS else "string"}}
