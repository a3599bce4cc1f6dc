"""What of a source had no place in a trace: counted by field, so that an import can be trusted or mended.

An importer takes out of its copy of the source what it uses; `rest` counts what is left in it.
"""

from collections import Counter
from collections.abc import Iterator, MutableMapping
from dataclasses import dataclass, field
from typing import Any

import orjson

MOST_FIELDS = 400
OTHERS = "(other fields)"
LONGEST_NAME = 64


@dataclass(slots=True)
class Field:
    """Values that had no place: how many, their bytes as JSON, and the bytes of texts that are elsewhere kept whole."""

    count: int = 0
    bytes: int = 0
    repeated_bytes: int = 0


@dataclass
class Loss:
    """`records` counts messages, lines or events of the source; `dropped` those of them that had no place, by kind.

    `estimated` and `altered` say which fields of how many events are not the source's own, and how they came about.
    """

    records: int = 0
    dropped: Counter[str] = field(default_factory=Counter)
    fields: dict[str, Field] = field(default_factory=dict)
    estimated: Counter[tuple[str, str]] = field(default_factory=Counter)
    altered: Counter[str] = field(default_factory=Counter)
    _kept: set[str] = field(default_factory=set)

    def take(self, record: Any, *path: str) -> Any:
        """What the record has there, which thereby has a place; None where there is nothing."""
        for name in path[:-1]:
            record = record.get(name) if isinstance(record, MutableMapping) else None
        value = record.pop(path[-1], None) if isinstance(record, MutableMapping) else None
        if isinstance(value, str):
            self._kept.add(value)
        return value

    def text(self, record: Any, *path: str) -> str:
        """The text that the record has there; empty where it has none. What is no text stays in the record."""
        for name in path[:-1]:
            record = record.get(name) if isinstance(record, MutableMapping) else None
        fits = isinstance(record, MutableMapping) and isinstance(record.get(path[-1]), str)
        return str(self.take(record, path[-1])) if fits else ""

    def keeps(self, text: str) -> None:
        """`text` is in the trace: where a field repeats it, nothing is lost."""
        self._kept.add(text)

    def rest(self, value: Any, at: str) -> None:
        """Count everything that is left of `value`, found at the path `at`, as without a place."""
        for path, leaf in _leaves(value, at):
            size = len(orjson.dumps(leaf)) if _plain(leaf) else len(str(leaf).encode(errors="replace"))
            where = path if path in self.fields or len(self.fields) < MOST_FIELDS else OTHERS
            entry = self.fields.setdefault(where, Field())
            entry.count += 1
            entry.bytes += size
            entry.repeated_bytes += size if isinstance(leaf, str) and leaf in self._kept else 0

    def document(self) -> dict[str, Any]:
        """As it is written to a report."""
        return {
            "records": self.records,
            "dropped": dict(sorted(self.dropped.items())),
            "fields": {
                path: {"count": one.count, "bytes": one.bytes, "repeated_bytes": one.repeated_bytes}
                for path, one in sorted(self.fields.items())
            },
            "estimated": [
                {"field": name, "events": count, "how": how} for (name, how), count in sorted(self.estimated.items())
            ],
            "altered": {what: count for what, count in sorted(self.altered.items()) if count},
        }


def _plain(leaf: Any) -> bool:
    """Whether orjson takes it: no lone surrogates, no integers beyond 64 bits."""
    if isinstance(leaf, str):
        return leaf.isascii() or not any("\ud800" <= character <= "\udfff" for character in leaf)
    return not isinstance(leaf, int) or -(2**63) <= leaf < 2**63


def _leaves(value: Any, at: str) -> Iterator[tuple[str, Any]]:
    """Every value that is neither null nor empty, with its path; a stack of our own, as sources nest as they like."""
    left = [(at, value)]
    while left:
        path, value = left.pop()
        if isinstance(value, dict):
            named = [(f"{path}.{_name(name)}" if path else _name(name), item) for name, item in value.items()]
            left += reversed(named)
        elif isinstance(value, list):
            left += [(f"{path}[]", item) for item in reversed(value)]
        elif value is not None and value != "":
            yield path, value


def _name(name: str) -> str:
    """A member's name, if it is one: keys that are data (addresses, paths) would make every path its own."""
    plain = name.isascii() and name.replace("_", "").replace("-", "").isalnum()
    return name if plain and len(name) <= LONGEST_NAME else "*"
