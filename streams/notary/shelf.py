"""What the notary keeps in the object store: tiles, places of leaves, the latest checkpoint, and where to go on from.

All of it can be made again from the topic. Everything is written before the checkpoint that needs it.
"""

import asyncio
from collections.abc import Coroutine, Iterable, Mapping
from typing import Any

from pipeline.checkpoints import Checkpoint, open_checkpoint
from pipeline.integritystore import CHECKPOINT, RESUME, place_key, read_place, tile_key, write_place
from pipeline.notes import BadNote, NoteSigner
from pipeline.objectstore import ObjectMissing, ObjectStore
from pipeline.telemetry import logger
from pipeline.tiles import BadTile, Edge, Tile, edge_tiles
from streams.notary.ledger import Ledger, Place

AT_ONCE = 32
log = logger(__name__)


class Shelf:
    """The object store as the notary of one origin sees it."""

    def __init__(self, store: ObjectStore, signer: NoteSigner) -> None:
        self._store, self._signer = store, signer
        # Signed under a name of its own, so that nobody can pass it off as a checkpoint.
        self._resume_signer = signer.renamed(f"{signer.verifier.name}/resume")
        self._turns = asyncio.Semaphore(AT_ONCE)

    async def places(self, hashes: Iterable[bytes]) -> dict[bytes, Place]:
        """The places of those leaves that have one already."""
        wanted = list(dict.fromkeys(hashes))
        found = await self._all(self._place(leaf_hash) for leaf_hash in wanted)
        return {leaf_hash: place for leaf_hash, place in zip(wanted, found, strict=True) if place}

    async def keep(self, places: Mapping[bytes, Place], tiles: Iterable[tuple[Tile, bytes]]) -> None:
        """Store places and tiles."""
        objects = [(place_key(leaf_hash), write_place(*_pair(place))) for leaf_hash, place in places.items()]
        objects += [(tile_key(tile), content) for tile, content in tiles]
        await self._all(self._put(key, content) for key, content in objects)

    async def publish(self, note: str, checkpoint: Checkpoint, next_offset: int) -> None:
        """Make a checkpoint the latest one, from which a notary goes on at `next_offset`."""
        await self._store.put(CHECKPOINT, note.encode())
        resume = Checkpoint(
            self._resume_signer.verifier.name, checkpoint.size, checkpoint.root, (f"offset {next_offset}",)
        )
        await self._store.put(RESUME, self._resume_signer.sign(resume.text()).encode())

    async def resume(self) -> Ledger:
        """The tree of the latest checkpoint; an empty one, to be filled from the topic, where that cannot be had."""
        try:
            note = (await self._store.get(RESUME)).decode()
            checkpoint = open_checkpoint(note, [self._resume_signer.verifier]).checkpoint
            ledger = await self._ledger(checkpoint)
        except ObjectMissing as error:
            log.info("reading integrity-log from its beginning", missing=str(error))
            return self._empty()
        except (BadNote, BadTile, UnicodeDecodeError) as error:
            log.warning("what was kept of integrity-log is damaged; reading it from its beginning", reason=str(error))
            return self._empty()
        return ledger

    def _empty(self) -> Ledger:
        return Ledger(self._signer.verifier.name, Edge())

    async def _ledger(self, kept: Checkpoint) -> Ledger:
        tiles = {tile: await self._store.get(tile_key(tile)) for tile in edge_tiles(kept.size)}
        ledger = Ledger(self._signer.verifier.name, Edge(kept.size, tiles), int(kept.extensions[0].split(" ")[1]))
        if ledger.head().root != kept.root:
            raise BadTile(f"the tiles of {kept.size} leaves have another root than was signed")
        return ledger

    async def _place(self, leaf_hash: bytes) -> Place | None:
        async with self._turns:
            try:
                return Place(*read_place(await self._store.get(place_key(leaf_hash))))
            except ObjectMissing:
                return None

    async def _put(self, key: str, content: bytes) -> None:
        async with self._turns:
            await self._store.put(key, content)

    async def _all(self, calls: Iterable[Coroutine[Any, Any, Any]]) -> list[Any]:
        return await asyncio.gather(*calls)


def _pair(place: Place) -> tuple[int, int]:
    return place.index, place.offset
