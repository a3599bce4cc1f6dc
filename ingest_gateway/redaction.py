"""Removes secrets from what clients send, before anything is stored: every free text of an event, texts, files."""

from collections import Counter
from collections.abc import Iterable
from typing import Any

from pipeline.redaction.engine import NOTHING, redact
from pipeline.redaction.rules import candidates
from pipeline.redaction.stream import StreamRedactor

# Values that are our own vocabulary or digests; every other string is the client's. Ids too: equal secrets get equal
# placeholders, so what refers to an id still finds it.
NO_TEXT = frozenset({"type", "author", "status", "sha", "parents", "buffer_hash_after", "output_ref", "report_ref"})
NO_TEXT_BELOW = frozenset({"status"})


class Redactor:
    """Redaction with the key of one project and the rules of personal data that it asks for.

    `counts` adds up what was found, by rule.
    """

    def __init__(self, key: bytes, personal: frozenset[str] = NOTHING) -> None:
        self._key = key
        self._personal = personal
        self.counts: Counter[str] = Counter()

    def text(self, text: str) -> str:
        """The text without its secrets."""
        return redact(text.encode(), self._key, self.counts, self._personal).decode()

    def file(self, data: bytes) -> bytes:
        """A file without its secrets, whatever its encoding."""
        return redact(data, self._key, self.counts, self._personal)

    def stream(self) -> StreamRedactor:
        """For a file that comes in pieces: gives the same bytes as `file`, in bounded memory."""
        return StreamRedactor(self._key, self.counts, self._personal)

    def events(self, events: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """The stored events without their secrets. One look over all texts tells whether there can be any."""
        if not candidates("\n".join(_texts(events)).encode(), self._personal):
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


def _texts(events: Iterable[dict[str, Any]], no_text: frozenset[str] = NO_TEXT) -> list[str]:
    """Every string of stored values that a client chose, at any depth."""
    found: list[str] = []
    for event in events:
        for name, value in event.items():
            if name in no_text:
                continue
            if isinstance(value, str):
                found.append(value)
            elif isinstance(value, list):
                found += _texts([{"": item} if isinstance(item, str) else item for item in value], NO_TEXT_BELOW)
            elif isinstance(value, dict):
                found += _texts([value], NO_TEXT_BELOW)
    return found
