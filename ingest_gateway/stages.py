"""How far a trace has come, and the same as server-sent events (HTML, section 9.2). Pure."""

from typing import Any

import orjson

REACHED = {
    "received": ("received",),
    "assembled": ("received", "assembled"),
    "validated": ("received", "assembled", "validated"),
    "judged": ("received", "assembled", "judged"),
    "done": ("received", "assembled", "validated", "judged"),
}
FINAL = "done"
# A comment: it keeps proxies from closing a silent connection, and says nothing to the client.
HEARTBEAT = b": still here\n\n"
RETRY_MS = 2_000


def status_of(trace_id: str, progress: dict[str, Any] | None, trace: dict[str, Any] | None) -> dict[str, Any] | None:
    """The answer from the rows about a trace, open and finished; None where there is none."""
    if trace is not None:
        stage, revision = trace["stage"], {"revision": trace["revision"]}
    elif progress is not None:
        stage, revision = "received", {}
    else:
        return None
    return {"trace_id": trace_id, "stage": stage, "reached": list(REACHED[stage]), **revision}


def event(name: str, data: dict[str, Any]) -> bytes:
    """One server-sent event; the first one of a stream also says when to come back after a break."""
    return f"event: {name}\nretry: {RETRY_MS}\ndata: ".encode() + orjson.dumps(data) + b"\n\n"
