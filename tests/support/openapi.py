"""Holds answers to the OpenAPI document: each status and each header that is sent must be there."""

from __future__ import annotations

import re
from typing import Any

import httpx2

# What HTTP explains on every answer.
PLAIN = {"content-type", "content-length", "connection", "date", "transfer-encoding"}


class Described:
    """An OpenAPI document, asked what a call may answer. `seen`: (operation, status) -> the headers that were sent."""

    def __init__(self, document: dict[str, Any]) -> None:
        self.seen: dict[tuple[str, str], set[str]] = {}
        self._calls = [(_pattern(path, "[^/]+"), item) for path, item in document["paths"].items()]
        # The last parameter of some paths goes over slashes; OpenAPI cannot say which.
        self._calls += [(_pattern(path, ".+"), item) for path, item in document["paths"].items()]

    def check(self, answer: httpx2.Response) -> None:
        """Note an answer; fails where the document lacks it. Paths and methods that do not exist may be asked."""
        operation = self._operation(answer.request)
        if operation is None:
            assert answer.status_code in (404, 405)
            return
        name, status = operation["operationId"], str(answer.status_code)
        assert status in operation["responses"], f"{name} answered {status}"
        sent = {header.lower() for header in answer.headers} - PLAIN
        described = {header.lower() for header in operation["responses"][status].get("headers", ())}
        assert sent <= described, f"{name} {status} sent {sorted(sent - described)}"
        self.seen.setdefault((name, status), set()).update(sent)

    def headers(self, name: str, status: str) -> set[str]:
        """The headers that the document has for an answer, in lower case."""
        operations = [operation for _, item in self._calls for operation in item.values()]
        operation = next(operation for operation in operations if operation["operationId"] == name)
        return {header.lower() for header in operation["responses"][status].get("headers", ())}

    def _operation(self, request: httpx2.Request) -> dict[str, Any] | None:
        path = request.url.raw_path.decode().partition("?")[0]
        items = [item for pattern, item in self._calls if pattern.fullmatch(path)]
        return items[0].get(request.method.lower()) if items else None


def _pattern(path: str, parameter: str) -> re.Pattern[str]:
    return re.compile(parameter.join(map(re.escape, re.split(r"{\w+}", path))))
