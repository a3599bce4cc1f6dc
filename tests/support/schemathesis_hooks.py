"""What schemathesis needs to know beyond the OpenAPI document: tokens, and traces that exist. Loaded by its process."""

from __future__ import annotations

import os
from typing import Any

import httpx2
import schemathesis

from pipeline.ids import minted_at_us

DEVELOPER = {"Authorization": f"Bearer {os.environ['CONFORMANCE_TOKEN']}"}
TRACE = {"participant_id": "p", "task_id": "t", "task_title": "Off by one", "repo_origin": "https://example.org/r.git"}
HTTP = httpx2.Client(base_url=os.environ["CONFORMANCE_URL"], headers=DEVELOPER)


@schemathesis.auth(refresh_interval=None)
class Tokens:
    """The developer's token; for uploads the token of a trace made for this one request, which its path then names."""

    def get(self, case: Any, _context: Any) -> tuple[str | None, str]:
        security = case.operation.definition.raw.get("security", ())
        if not any("upload" in scheme for scheme in security):
            return None, DEVELOPER["Authorization"]
        created = HTTP.post("/v1/traces", json=TRACE).raise_for_status().json()
        return created["trace_id"], f"Bearer {created['upload_token']}"

    def set(self, case: Any, data: tuple[str | None, str], _context: Any) -> None:
        trace_id, header = data
        case.headers["Authorization"] = header
        if trace_id is not None and _is_trace_id(case.path_parameters.get("trace_id")):
            case.path_parameters["trace_id"] = trace_id


def _is_trace_id(value: object) -> bool:
    try:
        minted_at_us(str(value))
    except ValueError:
        return False
    return True


@schemathesis.hook
def before_call(_context: Any, case: Any, _kwargs: Any) -> None:
    """No schema ties these to the bytes of the body, so a case that has them is another case without."""
    for name in ("Content-Digest", "Content-Encoding"):
        case.headers.pop(name, None)
