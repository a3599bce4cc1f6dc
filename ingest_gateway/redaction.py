"""Removes secrets from what clients send, before anything is stored: every free text of an event, texts, files."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from pipeline.redaction.engine import redact
from pipeline.redaction.rules import candidates
from pipeline.redaction.stream import StreamRedactor

# Values that are our own vocabulary, ids that other records refer to, or digests; every other string is free text.
NO_TEXT = frozenset(
    {"id", "type", "caused_by", "author", "status", "sha", "parents", "buffer_hash_after", "output_ref", "report_ref"}
)
NO_TEXT_BELOW = frozenset({"status"})


class Redactor:
    """Redaction with the key of one project; `counts` adds up what was found, by rule."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self.counts: Counter[str] = Counter()

    def text(self, text: str) -> str:
        """The text without its secrets."""
        return redact(text.encode(), self._key, self.counts).decode()

    def file(self, data: bytes) -> bytes:
        """A file without its secrets, whatever its encoding."""
        return redact(data, self._key, self.counts)

    def stream(self) -> StreamRedactor:
        """For a file that comes in pieces: gives the same bytes as `file`, in bounded memory."""
        return StreamRedactor(self._key, self.counts)

    def events(self, events: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """The stored events without their secrets. One look over all texts tells whether there can be any."""
        if not candidates("\n".join(_texts(events)).encode()):
            return events
        return [self._replaced(event, NO_TEXT) for event in events]

    def _replaced(self, value: Any, no_text: frozenset[str]) -> Any:
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {k: v if k in no_text else self._replaced(v, NO_TEXT_BELOW) for k, v in value.items()}
        if isinstance(value, list):
            return [self._replaced(item, no_text) for item in value]
        return value


def _texts(value: Any, no_text: frozenset[str] = NO_TEXT) -> Iterator[str]:
    """Every string of a stored value that is free text, at any depth."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, item in value.items():
            if name not in no_text:
                yield from _texts(item, NO_TEXT_BELOW)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item, no_text)
