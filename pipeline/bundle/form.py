"""The form of a bundle: one JSON document with all that a trace's proof needs, and nothing that must be asked for.

Whatever is hashed stands in it as text, byte for byte, so that a reader in any language hashes what it reads and needs
not write JSON the way we do. The form is described in docs/integrity.md.
"""

import base64
import binascii
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from pipeline.canonical import dumps
from pipeline.merkle import HASH_BYTES

LARGEST = 1024 * 1024 * 1024
Natural = Annotated[int, Field(ge=0, lt=2**53)]


def _hash(text: str) -> str:
    try:
        content = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        content = b""
    if len(content) != HASH_BYTES or base64.b64encode(content).decode() != text:
        raise ValueError("a hash is 32 bytes in base64")
    return text


Hash = Annotated[str, AfterValidator(_hash)]


class BadBundle(ValueError):
    """The bytes are no bundle of this form."""


class Part(BaseModel):
    """Closed and strict: what is not described is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Chunk(Part):
    """A chunk with its events as they were stored."""

    chunk_digest: str
    chunk_id: str
    chunk_seq: Natural
    events: tuple[str, ...]
    offset: Natural
    prev_chunk_digest: str | None = None
    received_at_us: Natural

    def event_bytes(self) -> list[bytes]:
        """The stored bytes of the events."""
        return [event.encode() for event in self.events]


class Leaf(Part):
    """A leaf of the Merkle log, the record behind it, and the proof that it is in the tree of the checkpoint."""

    index: Natural
    leaf: str
    proof: tuple[Hash, ...]
    record: str

    def hashes(self) -> list[bytes]:
        """The proof."""
        return [base64.b64decode(text) for text in self.proof]


class Consistency(Part):
    """The proof that a tree of `size` leaves is the beginning of the checkpoint's."""

    proof: tuple[Hash, ...]
    size: Natural

    def hashes(self) -> list[bytes]:
        """The proof."""
        return [base64.b64decode(text) for text in self.proof]


class Bundle(Part):
    """A whole bundle. `artifacts`: [name, digest, server time in microseconds] of each stored file."""

    artifacts: tuple[tuple[str, str, Natural], ...]
    checkpoint: str
    chunks: tuple[Chunk, ...]
    consistency: tuple[Consistency, ...]
    evidence: dict[str, str]
    format: Literal["pr-telemetry-bundle/1"]
    genesis: str
    leaves: tuple[Leaf, ...]
    partition: Natural
    trace_id: str

    def content(self) -> bytes:
        """The bundle's bytes."""
        return dumps(self.model_dump(mode="json", exclude_none=True))


def read_bundle(content: bytes) -> Bundle:
    """The bundle in the bytes. Raises BadBundle."""
    if len(content) > LARGEST:
        raise BadBundle(f"a bundle is not larger than {LARGEST} bytes")
    try:
        return Bundle.model_validate_json(content)
    except ValidationError as error:
        fault = error.errors(include_input=False, include_url=False)[0]
        raise BadBundle(f"this is no bundle: /{'/'.join(map(str, fault['loc']))}: {fault['msg']}") from None


def leaf_part(leaf: str, record: str, index: int, proof: Iterable[bytes]) -> Leaf:
    """A leaf with its proof."""
    return Leaf(index=index, leaf=leaf, proof=_spelled(proof), record=record)


def consistency_part(size: int, proof: Iterable[bytes]) -> Consistency:
    """A proof of consistency from an earlier size."""
    return Consistency(proof=_spelled(proof), size=size)


def _spelled(proof: Iterable[bytes]) -> tuple[str, ...]:
    return tuple(base64.b64encode(one).decode() for one in proof)


def make_bundle(
    document: Mapping[str, Any],
    leaves: Sequence[Leaf],
    checkpoint: str,
    consistency: Sequence[Consistency] = (),
    evidence: Mapping[str, str] | None = None,
) -> Bundle:
    """The bundle of a revision's document. Raises BadBundle for a document that does not tell its own beginning."""
    if "genesis" not in document or "log" not in document:
        raise BadBundle("the document is of an earlier form, which does not say what the chain is over")
    return Bundle(
        artifacts=tuple((name, sha256, at_us) for name, sha256, at_us in document["log"]["artifacts"]),
        checkpoint=checkpoint,
        chunks=tuple(_chunks(document)),
        consistency=tuple(consistency),
        evidence=dict(evidence or {}),
        format="pr-telemetry-bundle/1",
        genesis=dumps(document["genesis"]).decode(),
        leaves=tuple(leaves),
        partition=document["log"]["partition"],
        trace_id=document["trace_id"],
    )


def _chunks(document: Mapping[str, Any]) -> Iterable[Chunk]:
    # A document has fewer events than its chunks where some could not be read: the chunks' digests show it.
    events = iter(document["events"])
    for entry in document["chunks"]:
        own = [dumps(event).decode() for _, event in zip(range(entry["event_count"]), events, strict=False)]
        told = {name: value for name, value in entry.items() if name != "event_count"}
        yield Chunk(events=tuple(own), **told)
