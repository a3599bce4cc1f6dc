"""Segments: stretches of a partition as files, so that they can be read after the broker has dropped them. Pure.

A segment is an Avro object container file (zstandard) with one entry per offset, without holes. Its key says all that
is needed to choose it: `archive/<topic>/<partition>/<first>-<last>.<first_ms>-<last_ms>.avro`; beside it lies an index
of its traces, `<the same>.traces`. An erased record keeps its offset and time, and nothing else.
"""

import io
import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import fastavro
from aiokafka.structs import ConsumerRecord

from pipeline.errors import Invalid
from pipeline.ids import SHAPE
from schemas.codec import UndecodableRecord, decode
from schemas.records import TraceErased

FOLDER = "archive/"
SEGMENT, INDEX = ".avro", ".traces"
NAME = re.compile(r"archive/([A-Za-z0-9._-]+)/(\d+)/(\d{20})-(\d{20})\.(\d{15})-(\d{15})\.avro")
SCHEMA = fastavro.parse_schema(
    {
        "type": "record",
        "namespace": "pr_telemetry",
        "name": "ArchivedRecord",
        "doc": "One offset of a partition, as it was in the topic; key and value are null where its trace was erased.",
        "fields": [
            {"name": "offset", "type": "long"},
            {"name": "timestamp_ms", "type": "long"},
            {"name": "key", "type": ["null", "bytes"], "default": None},
            {"name": "value", "type": ["null", "bytes"], "default": None},
            {
                "name": "headers",
                "type": {
                    "type": "array",
                    "items": {
                        "type": "record",
                        "name": "Header",
                        "fields": [{"name": "name", "type": "string"}, {"name": "value", "type": "bytes"}],
                    },
                },
            },
            {"name": "erased", "type": "boolean", "default": False},
        ],
    }
)


@dataclass(frozen=True, slots=True)
class Entry:
    """One offset. `erased`: what stood there is gone."""

    offset: int
    timestamp_ms: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...] = ()
    erased: bool = False

    @property
    def trace_id(self) -> str:
        """The trace that the record is about; empty for none."""
        name = (self.key or b"").decode(errors="replace")
        return name if SHAPE.fullmatch(name) else ""

    def without(self, erased: Collection[str]) -> "Entry":
        """The same place, empty where it is about one of these traces; that it was erased is still said."""
        if self.trace_id not in erased or self.says_erased:
            return self
        return Entry(self.offset, self.timestamp_ms, None, None, erased=True)

    @property
    def says_erased(self) -> bool:
        """Whether this is the record of the erasure itself."""
        try:
            return isinstance(decode(self.value), TraceErased)
        except UndecodableRecord:
            return False


@dataclass(frozen=True, slots=True, order=True)
class Segment:
    """The stretch from offset `first` to `last`, both included, with the times of its first and last record."""

    topic: str
    partition: int
    first: int
    last: int
    first_ms: int
    last_ms: int

    @property
    def key(self) -> str:
        """Where it lies."""
        places = f"{self.first:020d}-{self.last:020d}.{self.first_ms:015d}-{self.last_ms:015d}"
        return f"{FOLDER}{self.topic}/{self.partition}/{places}{SEGMENT}"

    @property
    def index_key(self) -> str:
        """Where its traces are listed."""
        return self.key.removesuffix(SEGMENT) + INDEX


def entry_of(record: ConsumerRecord) -> Entry:
    """A record as it is archived."""
    return Entry(record.offset, record.timestamp, record.key, record.value, tuple(record.headers))


def segment_of(topic: str, partition: int, entries: Sequence[Entry]) -> Segment:
    """The stretch of these entries, which are in order; at least one."""
    times = [entry.timestamp_ms for entry in entries]
    return Segment(topic, partition, entries[0].offset, entries[-1].offset, min(times), max(times))


def traces_in(entries: Iterable[Entry]) -> set[str]:
    """The traces that these entries are about."""
    return {entry.trace_id for entry in entries} - {""}


def parse_key(key: str) -> Segment | None:
    """The segment that lies under a key; None for any other object."""
    if not (match := NAME.fullmatch(key)):
        return None
    topic, *numbers = match.groups()
    return Segment(topic, *map(int, numbers))


def pack(entries: Iterable[Entry]) -> bytes:
    """The bytes of a segment."""
    out = io.BytesIO()
    fastavro.writer(out, SCHEMA, map(_plain, entries), codec="zstandard")
    return out.getvalue()


def unpack(data: bytes) -> list[Entry]:
    """The entries of a segment. Raises Invalid where it is damaged."""
    try:
        fields: list[Any] = list(fastavro.reader(io.BytesIO(data)))
        return list(map(_entry, fields))
    except Exception as error:  # fastavro and zstandard raise a different type for every kind of damage
        raise Invalid(f"this is no whole segment: {error!r}") from error


def _plain(entry: Entry) -> dict[str, object]:
    headers = [{"name": name, "value": value} for name, value in entry.headers]
    return {
        "offset": entry.offset,
        "timestamp_ms": entry.timestamp_ms,
        "key": entry.key,
        "value": entry.value,
        "headers": headers,
        "erased": entry.erased,
    }


def _entry(fields: dict[str, Any]) -> Entry:
    headers = tuple((header["name"], header["value"]) for header in fields["headers"])
    return Entry(**{**fields, "headers": headers})
