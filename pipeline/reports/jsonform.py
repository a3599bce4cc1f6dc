"""Reads JSON of unknown origin within bounds, and takes values out of it by type.

orjson refuses NaN, invalid UTF-8 and more than 1,024 levels by itself; how many values a document holds is bounded
before it is parsed, because a byte of `[[],[],...` becomes some thirty bytes of memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO
from typing import Any

import orjson

from pipeline.reports.model import BadReport, Status
from pipeline.reports.values import MAX_CASES, MAX_TEXT

MAX_VALUES = 4_000_000
"""Brackets and commas of a document, those inside its texts included."""
BOM = b"\xef\xbb\xbf"


def document(data: bytes) -> dict[str, Any]:
    """The JSON object in `data`. Raises BadReport."""
    if sum(map(data.count, (b"{", b"[", b","))) > MAX_VALUES:
        raise BadReport(f"more than {MAX_VALUES:,} JSON values: split the run into several reports")
    try:
        content = orjson.loads(data.removeprefix(BOM))
    except orjson.JSONDecodeError as error:
        raise BadReport(f"not JSON ({error}): the file is cut off or damaged, write it again") from None
    return record(content, "the document")


def events(data: bytes) -> Iterator[tuple[int, dict[str, Any] | None, str]]:
    """Line number, event, and the line where it is no JSON object but plain output between events.

    Raises BadReport for a line that begins like an event and is none: what follows it cannot be trusted either.
    """
    for number, line in enumerate(BytesIO(data.removeprefix(BOM)), 1):
        if line.lstrip()[:1] == b"{":
            yield number, _event(line, number), ""
        elif line.strip():
            yield number, None, line[:MAX_TEXT].decode(errors="replace").rstrip()


def _event(line: bytes, number: int) -> dict[str, Any]:
    try:
        return document(line)
    except BadReport as error:
        raise BadReport(f"line {number}: {error}") from None


def record(value: object, where: str) -> dict[str, Any]:
    """The object at `where`. Raises BadReport where it is none."""
    if not isinstance(value, dict):
        raise BadReport(f"{where} is not a JSON object: this is no report of the format, or give --format")
    return value


def records(parent: dict[str, Any], key: str) -> list[dict[str, Any]]:
    """The objects in the array `key`. Raises BadReport where it is absent, no array, too long or of other values."""
    value = parent.get(key)
    if not isinstance(value, list):
        raise BadReport(f"{key} is not an array: this is no report of the format, or give --format")
    if len(value) > MAX_CASES:
        raise BadReport(f"more than {MAX_CASES:,} entries in {key}: split the run into several reports")
    return [record(each, f"an entry of {key}") for each in value]


def optional(parent: dict[str, Any], key: str) -> dict[str, Any]:
    """The object at `key`, empty where there is none."""
    value = parent.get(key)
    return value if isinstance(value, dict) else {}


def texts(value: object) -> list[str]:
    """The texts of an array; a text alone is one; whatever else is none."""
    if isinstance(value, str):
        return [value]
    return [each for each in value if isinstance(each, str)] if isinstance(value, list) else []


def status_of(words: dict[str, Status], word: object) -> Status:
    """The status that the report's word stands for. Raises BadReport for a word the format does not have."""
    if not isinstance(word, str) or word not in words:
        raise BadReport(f"{word!r:.80} is no status of this format: the file is damaged or of a newer version")
    return words[word]
