"""Writes one HTTP response in the way of ClickHouse: headers, streamed pieces, and errors before or amid the stream."""

from __future__ import annotations

import json
import secrets

from starlette.types import Send

from deploy.embedded.clickhouse.engine import Totals
from deploy.embedded.clickhouse.failures import Failure

_TEXT = "text/plain; charset=UTF-8"
_CONTENT_TYPES = {
    "CSV": "text/csv; charset=UTF-8",
    "JSON": "application/json; charset=UTF-8",
    "JSONEachRow": "application/x-ndjson; charset=UTF-8",
    "Native": "application/octet-stream",
    "Parquet": "application/octet-stream",
    "RowBinary": "application/octet-stream",
    "TabSeparated": "text/tab-separated-values; charset=UTF-8",
}


class Reply:
    """The response to one query; use `begin`, then `piece` any number of times, then `end` - or `fail` at any point."""

    def __init__(self, send: Send, query_id: str, timezone: str, version: str) -> None:
        self._send = send
        self._version = version
        self._begun = False
        self._mark = secrets.token_hex(8)
        self._headers = {"X-ClickHouse-Query-Id": query_id, "X-ClickHouse-Timezone": timezone}

    async def begin(self, output: str, totals: Totals) -> None:
        """Sends the headers of a result in format `output`; `totals` are zeros while a stream still runs."""
        await self._start(
            200,
            {
                "Content-Type": _CONTENT_TYPES.get(output, _TEXT),
                "X-ClickHouse-Format": output,
                "X-ClickHouse-Summary": _summary(totals),
                "X-ClickHouse-Exception-Tag": self._mark,
            },
        )

    async def piece(self, data: bytes) -> None:
        """Sends more of the result; returns when the client keeps up."""
        if data:
            await self._send({"type": "http.response.body", "body": data, "more_body": True})

    async def end(self) -> None:
        """Completes the response."""
        await self._send({"type": "http.response.body", "body": b""})

    async def fail(self, problem: Failure) -> None:
        """Answers with the error, or, amid a result, adds it in the marked form and leaves the response incomplete."""
        text = f"{problem}\n" if "(version " in str(problem) else f"{problem} {self._version}\n"
        if self._begun:
            # A client sees the marks, or at least that the last chunk is missing (uvicorn closes the connection).
            await self.piece(_marked(text, self._mark))
            return
        await self._start(problem.status, {"Content-Type": _TEXT, "X-ClickHouse-Exception-Code": str(problem.code)})
        await self.piece(text.encode())
        await self.end()

    async def _start(self, status: int, headers: dict[str, str]) -> None:
        self._begun = True
        lines = [
            (name.lower().encode(), value.encode("latin-1")) for name, value in {**self._headers, **headers}.items()
        ]
        await self._send({"type": "http.response.start", "status": status, "headers": lines})


def _marked(text: str, mark: str) -> bytes:
    """An exception behind the rows already sent, delimited as servers since 25.11 do it."""
    body = text.encode()
    return b"\r\n__exception__\r\n%b\r\n%b%d %b\r\n__exception__\r\n" % (mark.encode(), body, len(body), mark.encode())


def _summary(totals: Totals) -> str:
    counts = {
        "read_rows": totals.read_rows,
        "read_bytes": totals.read_bytes,
        "written_rows": totals.written_rows,
        "written_bytes": totals.written_bytes,
        "total_rows_to_read": 0,
        "result_rows": totals.result_rows,
        "result_bytes": totals.result_bytes,
        "elapsed_ns": round(totals.elapsed_s * 1e9),
    }
    return json.dumps({name: str(count) for name, count in counts.items()}, separators=(",", ":"))
