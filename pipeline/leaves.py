"""The leaves of the Merkle log: which bytes stand for a finished revision, a verdict and a score. Pure.

A leaf is canonical JSON {head, kind, record, revision, trace_id}. `record` is the digest of the canonical JSON of the
record behind it: its Avro fields by name, absent instead of null or at their default (so that a new field changes no
leaf of before), without the document and where it lies (its digest is a field), `metrics` as the object that it is. All
of that is public: whoever has the record can compute the leaf again.
"""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pipeline.canonical import digest, dumps, loads
from pipeline.errors import Invalid
from pipeline.merkle import leaf_hash
from pipeline.objectstore import derived_key
from schemas.records import Record, TraceAssembled, TraceJudged, TraceValidated

ASSEMBLED, VALIDATED, JUDGED = "assembled", "validated", "judged"
KINDS: Mapping[type[Record], str] = {TraceAssembled: ASSEMBLED, TraceValidated: VALIDATED, TraceJudged: JUDGED}
TRAVELS_APART = ("document", "document_ref")


@dataclass(frozen=True, slots=True)
class Leaf:
    """A leaf and what it stands for. `data`: what is hashed; `record`: the canonical JSON of the record behind it."""

    kind: str
    trace_id: str
    revision: int
    data: bytes
    record: bytes

    @property
    def hash(self) -> bytes:
        """The RFC 6962 hash of the leaf, 32 bytes."""
        return leaf_hash(self.data)

    def key(self) -> str:
        """Where the object store keeps what the leaf stands for."""
        return derived_key("leaves", self.trace_id, self.hash.hex())


def leaf_data(kind: str, trace_id: str, revision: int, head: str, record: bytes) -> bytes:
    """The bytes of a leaf."""
    return dumps({"head": head, "kind": kind, "record": digest(record), "revision": revision, "trace_id": trace_id})


def leaf_of(record: Record) -> Leaf:
    """The leaf of a revision, a verdict or a score. Raises Invalid for other records and for metrics that are none."""
    if not isinstance(record, TraceAssembled | TraceValidated | TraceJudged):
        raise Invalid(f"a {type(record).__name__} has no leaf")
    kind = KINDS[type(record)]
    fields = {name: value for name, value in _said(record).items() if name not in TRAVELS_APART}
    try:
        if isinstance(record, TraceAssembled):
            fields["metrics"] = loads(record.metrics)
        content = dumps(fields)
    except (ValueError, TypeError) as error:
        raise Invalid(f"{type(record).__name__} of {record.trace_id} is no JSON: {error}") from error
    data = leaf_data(kind, record.trace_id, record.revision, record.head, content)
    return Leaf(kind, record.trace_id, record.revision, data, content)


def _said(record: Any) -> dict[str, Any]:
    """What a record says by name, nested ones too, without the fields that say no more than their default."""
    values = ((field, getattr(record, field.name)) for field in dataclasses.fields(record))
    return {field.name: _plain(value) for field, value in values if value != field.default}


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return _said(value) if dataclasses.is_dataclass(value) else value
