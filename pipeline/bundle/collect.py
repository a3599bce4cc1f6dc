"""From the object store to a bundle: what the leaves of a trace stand for, the proofs, the document, the evidence."""

import asyncio
import base64
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from zstandard import ZstdError

from pipeline.bundle.form import Consistency, Leaf, consistency_part, leaf_part, make_bundle
from pipeline.canonical import digest, loads
from pipeline.document import unpack
from pipeline.leaves import ASSEMBLED
from pipeline.merkle import leaf_hash
from pipeline.merklelog import DamagedLog, MerkleLog, NotLogged
from pipeline.objectstore import ObjectMissing, ObjectStore

# Beyond it, a judgement's evidence is left out: its key says its digest all the same.
LARGEST_EVIDENCE = 4 * 1024 * 1024


class NotCovered(Exception):
    """No checkpoint covers a revision of this trace. `logged`: whether one will, once there is the next checkpoint."""

    def __init__(self, logged: bool) -> None:
        super().__init__("no checkpoint covers a revision of this trace")
        self.logged = logged


@dataclass(frozen=True, slots=True)
class _Stored:
    """What the store keeps of a leaf, its record, and what the leaf says it is."""

    kept: Mapping[str, Any]
    record: Mapping[str, Any]
    kind: str
    revision: int


@dataclass(frozen=True, slots=True)
class _Placed:
    """The same with the leaf's index."""

    stored: _Stored
    index: int


async def collect(store: ObjectStore, log: MerkleLog, trace_id: str, project: str, held: int = 0) -> bytes:
    """The bundle of a trace's latest revision that a checkpoint covers, as its bytes.

    `held`: size of a checkpoint from which consistency is to be proved; 0 for none. Raises NotCovered, NotLogged for a
    checkpoint that the log does not reach to, DamagedLog, BadBundle, and what the store raises.
    """
    stored = await _stored(store, trace_id, project)
    if not stored:
        raise NotCovered(logged=False)
    try:
        latest = await log.latest()
    except NotLogged:
        raise NotCovered(logged=True) from None
    size = latest.checkpoint.size
    covered = [placed for one in stored if (placed := await _placed(log, one)) and placed.index < size]
    assembled = [placed.stored for placed in covered if placed.stored.kind == ASSEMBLED]
    if not assembled:
        raise NotCovered(logged=True)
    newest = max(assembled, key=lambda one: one.revision)
    chosen = sorted((one for one in covered if one.stored.revision <= newest.revision), key=lambda one: one.index)
    packed = await _packed(store, newest)
    leaves = [await _leaf(log, placed, size) for placed in chosen]
    consistency = await _consistency(log, held, size)
    evidence = await _evidence(store, trace_id, [placed.stored.record for placed in chosen])

    def made() -> bytes:
        return make_bundle(_document(packed, newest), leaves, latest.note, consistency, evidence).content()

    # A trace may have 128 MiB of events: not on the event loop.
    return await asyncio.to_thread(made)


async def _stored(store: ObjectStore, trace_id: str, project: str) -> list[_Stored]:
    keys = await store.keys(f"leaves/{trace_id}/")
    found = map(_read, keys, await asyncio.gather(*map(store.get, keys)))
    return [one for one in found if one.record["project"] == project]


def _read(key: str, content: bytes) -> _Stored:
    try:
        kept = loads(content)
        record, leaf = loads(kept["record"]), loads(kept["leaf"])
        kind, revision, _ = leaf["kind"], int(leaf["revision"]), record["project"]
    except (ValueError, LookupError, TypeError) as error:
        raise DamagedLog(f"{key} is not what a leaf stands for: {error!r}") from None
    return _Stored(kept, record, kind, revision)


async def _placed(log: MerkleLog, stored: _Stored) -> _Placed | None:
    try:
        return _Placed(stored, await log.index(leaf_hash(stored.kept["leaf"].encode())))
    except NotLogged:
        return None


async def _leaf(log: MerkleLog, placed: _Placed, size: int) -> Leaf:
    proof = await log.inclusion(placed.index, size, size)
    return leaf_part(placed.stored.kept["leaf"], placed.stored.kept["record"], placed.index, proof)


async def _packed(store: ObjectStore, stored: _Stored) -> bytes:
    try:
        inline = stored.kept.get("document")
        return base64.b64decode(inline) if inline else await store.get(stored.kept["document_ref"])
    except (ObjectMissing, LookupError, ValueError) as error:
        raise DamagedLog(f"the document cannot be had: {error!r}") from None


def _document(packed: bytes, stored: _Stored) -> dict[str, Any]:
    try:
        content = unpack(packed, stored.record["document_size"])
    except (LookupError, ZstdError) as error:
        raise DamagedLog(f"the document is damaged: {error!r}") from None
    if digest(content) != stored.record["document_digest"]:
        raise DamagedLog("the document is not the one that was logged")
    document: dict[str, Any] = loads(content)
    return document


async def _consistency(log: MerkleLog, held: int, size: int) -> list[Consistency]:
    return [consistency_part(held, await log.consistency(held, size, size))] if held else []


async def _evidence(store: ObjectStore, trace_id: str, records: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    found: dict[str, str] = {}
    for reference in (str(record["evidence_ref"]) for record in records if "evidence_ref" in record):
        # Only what is of this trace: a record that was forged must not fetch another one's.
        if not reference.startswith(f"evidence/{trace_id}/"):
            continue
        with suppress(ObjectMissing):
            content = await store.get(reference)
            if len(content) <= LARGEST_EVIDENCE:
                found[reference] = content.decode()
    return found
