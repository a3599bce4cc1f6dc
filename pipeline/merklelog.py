"""The Merkle log as its readers see it: the latest checkpoint, and proofs made from a few tiles of the object store.

Nothing is held in memory but the largest checkpoint seen, so that nobody is told an earlier one after a later one.
Every proof is made for the latest checkpoint or for a smaller tree, whose nodes are all among those of the larger one.
"""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pipeline.checkpoints import Checkpoint, open_checkpoint
from pipeline.integritystore import CHECKPOINT, place_key, read_place, tile_key
from pipeline.merkle import Span, consistency_spans, inclusion_spans
from pipeline.notes import BadNote, VerifierKey
from pipeline.objectstore import ObjectMissing, ObjectStore
from pipeline.tiles import BadTile, prove_from, tiles_of


class NotLogged(Exception):
    """There is no checkpoint, or none that covers what was asked for."""


class DamagedLog(Exception):
    """What the object store holds of the log was altered or is gone."""


@dataclass(frozen=True, slots=True)
class Published:
    """The latest checkpoint, as a note and opened."""

    note: str
    checkpoint: Checkpoint


class MerkleLog:
    """The log of whoever holds one of these keys. All methods raise Retryable, and Refused, as the store does."""

    def __init__(self, store: ObjectStore, keys: Sequence[VerifierKey]) -> None:
        self._store, self._keys = store, tuple(keys)
        self._latest: Published | None = None

    async def latest(self) -> Published:
        """The latest checkpoint. Raises NotLogged while there is none, DamagedLog."""
        try:
            note = (await self._store.get(CHECKPOINT)).decode()
            found = Published(note, open_checkpoint(note, self._keys).checkpoint)
        except ObjectMissing:
            raise NotLogged("there is no checkpoint yet") from None
        except (BadNote, UnicodeDecodeError) as error:
            raise DamagedLog(f"{CHECKPOINT}: {error}") from None
        if self._latest is None or found.checkpoint.size >= self._latest.checkpoint.size:
            self._latest = found
        return self._latest

    async def index(self, leaf_hash: bytes) -> int:
        """The index of a leaf, whether or not a checkpoint covers it. Raises NotLogged, DamagedPlace."""
        try:
            index, _ = read_place(await self._store.get(place_key(leaf_hash)))
        except ObjectMissing:
            raise NotLogged("there is no such leaf") from None
        return index

    async def inclusion(self, index: int, size: int, latest: int) -> list[bytes]:
        """The proof that the leaf is in the tree of `size`, which `latest` is not smaller than.

        Raises NotLogged where the tree does not reach so far, DamagedLog.
        """
        if not index < size <= latest:
            raise NotLogged(f"no tree of {size} leaves has a checkpoint and leaf {index}")
        return await self._prove(inclusion_spans(index, size), latest)

    async def consistency(self, old: int, new: int, latest: int) -> list[bytes]:
        """The proof that the old tree is the beginning of the new one. Raises NotLogged, DamagedLog."""
        if not 0 <= old <= new <= latest:
            raise NotLogged(f"no trees of {old} and {new} leaves have checkpoints in this order")
        return await self._prove(consistency_spans(old, new), latest)

    async def _prove(self, spans: Iterable[Span], size: int) -> list[bytes]:
        spans = list(spans)
        names = list(tiles_of(spans, size))
        try:
            contents = await asyncio.gather(*(self._store.get(tile_key(tile)) for tile in names))
            return prove_from(spans, size, dict(zip(names, contents, strict=True)))
        except ObjectMissing as error:
            raise DamagedLog(f"{error} is gone") from None
        except BadTile as error:
            raise DamagedLog(str(error)) from None
