"""What can go wrong for a client, as types: refused, not answered, no results in time, an event too big."""

from dataclasses import dataclass
from typing import Any

import httpx2
import orjson


@dataclass(frozen=True, slots=True)
class FieldError:
    """One fault of a request body: `pointer` leads there (RFC 6901), `reason` says what is wrong."""

    pointer: str
    reason: str


class ApiProblem(Exception):
    """The server refused: an RFC 9457 problem. `errors` are the faults of the body that the server named."""

    def __init__(self, status: int, title: str, detail: str, type_: str, errors: tuple[FieldError, ...]) -> None:
        self.status, self.title, self.detail, self.type, self.errors = status, title, detail, type_, errors
        faults = "".join(f"\n  {error.pointer or '(body)'}: {error.reason}" for error in errors)
        super().__init__(f"{status} {title}: {detail}{faults}" if detail else f"{status} {title}{faults}")


class ConnectionLost(Exception):
    """No answer after the last attempt. What was sent may have arrived: sending the same again is safe."""


class NotReady(Exception):
    """`missing` stages of a trace did not come within the time given."""

    def __init__(self, trace_id: str, missing: frozenset[str], timeout_s: float) -> None:
        self.trace_id, self.missing = trace_id, missing
        super().__init__(f"{trace_id}: {', '.join(sorted(missing))} still missing after {timeout_s:g} s")


class EventTooLarge(Exception):
    """An event does not fit into a chunk, even with its output moved into an artifact."""

    def __init__(self, event_id: str, size: int, limit: int) -> None:
        self.event_id, self.size, self.limit = event_id, size, limit
        super().__init__(f"event {event_id} has {size} bytes; a chunk takes {limit}: attach its content as an artifact")


def problem_of(response: httpx2.Response) -> ApiProblem:
    """The refusal in `response`; what is no problem+json (a proxy's page, say) becomes the detail, shortened."""
    body = _json_object(response.content)
    return ApiProblem(
        response.status_code,
        str(body.get("title") or response.reason_phrase or "HTTP error"),
        str(body.get("detail") or ("" if body else response.text[:500])),
        str(body.get("type") or "about:blank"),
        tuple(_field_error(error) for error in body.get("errors") or () if isinstance(error, dict)),
    )


def _json_object(content: bytes) -> dict[str, Any]:
    try:
        body = orjson.loads(content)
    except orjson.JSONDecodeError:
        return {}
    return body if isinstance(body, dict) else {}


def _field_error(error: dict[str, Any]) -> FieldError:
    return FieldError(str(error.get("pointer", "")), str(error.get("reason", "")))
