"""Proofs as readers get them, from what a notary has left in the object store."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.checkpoints import sign_checkpoint
from pipeline.integritystore import CHECKPOINT, tile_key
from pipeline.merkle import verify_consistency, verify_inclusion
from pipeline.merklelog import DamagedLog, MerkleLog, NotLogged
from pipeline.notes import NoteSigner
from pipeline.objectstore import FolderStore
from pipeline.tiles import Edge, Tile
from streams.notary.ledger import Ledger
from tests.support.notary import ORIGIN, SIGNER, Notary, Topic, leaf, roots_of

SIZE = 300


@pytest.fixture
async def store(tmp_path: Path) -> FolderStore:
    """A log of 300 leaves with its checkpoint."""
    topic, made = Topic(), FolderStore(tmp_path)
    for number in range(SIZE):
        await topic.emit(leaf(number))
    notary = Notary(topic, made, leaves=1)
    await notary.start()
    for _ in range(2):
        await notary.read()
        await notary.sign()
    return made


ROOTS = roots_of(leaf(number).leaf_hash for number in range(SIZE))


async def test_leaves_are_proved_in_the_latest_tree_and_in_every_earlier_one(store: FolderStore) -> None:
    log = MerkleLog(store, [SIGNER.verifier])
    latest = (await log.latest()).checkpoint
    assert (latest.size, latest.root) == (SIZE, ROOTS[SIZE])
    for number in (0, 1, 255, 256, 299):
        index = await log.index(leaf(number).leaf_hash)
        assert index == number
        for size in {number + 1, min(number + 20, SIZE), SIZE}:
            proof = await log.inclusion(index, size, latest.size)
            assert verify_inclusion(leaf(number).leaf_hash, index, size, proof, ROOTS[size])


@pytest.mark.parametrize(("old", "new"), [(0, 7), (1, 300), (7, 7), (100, 257), (256, 300), (299, 300)])
async def test_trees_are_proved_to_grow_into_each_other(store: FolderStore, old: int, new: int) -> None:
    proof = await MerkleLog(store, [SIGNER.verifier]).consistency(old, new, SIZE)
    assert verify_consistency(old, new, ROOTS[old], ROOTS[new], proof)


async def test_what_no_checkpoint_covers_is_not_logged(store: FolderStore, tmp_path: Path) -> None:
    log = MerkleLog(store, [SIGNER.verifier])
    with pytest.raises(NotLogged):
        await log.index(leaf(SIZE).leaf_hash)
    for index, size in ((5, 5), (5, SIZE + 1)):
        with pytest.raises(NotLogged):
            await log.inclusion(index, size, SIZE)
    for old, new in ((6, 5), (5, SIZE + 1), (-1, 5)):
        with pytest.raises(NotLogged):
            await log.consistency(old, new, SIZE)
    with pytest.raises(NotLogged):
        await MerkleLog(FolderStore(tmp_path / "empty"), [SIGNER.verifier]).latest()


async def test_nobody_is_told_an_earlier_checkpoint_after_a_later_one(store: FolderStore) -> None:
    log = MerkleLog(store, [SIGNER.verifier])
    latest = await log.latest()
    await store.put(CHECKPOINT, sign_checkpoint(Ledger(ORIGIN, Edge()).head(), SIGNER, 1).encode())
    assert await log.latest() == latest
    assert (await MerkleLog(store, [SIGNER.verifier]).latest()).checkpoint.size == 0


async def test_what_was_altered_in_the_store_is_not_served(store: FolderStore) -> None:
    log = MerkleLog(store, [SIGNER.verifier])
    await store.put(tile_key(Tile(0, 0)), b"short")
    with pytest.raises(DamagedLog, match="instead of 8192"):
        await log.inclusion(0, SIZE, SIZE)
    await store.delete(tile_key(Tile(0, 0)))
    with pytest.raises(DamagedLog, match="tile/0/000 is gone"):
        await log.inclusion(0, SIZE, SIZE)
    forged = sign_checkpoint(Ledger(ORIGIN, Edge()).head(), NoteSigner(ORIGIN, b"\x05" * 32), 1)
    for content in (forged.encode(), b"", b"\xff"):
        await store.put(CHECKPOINT, content)
        with pytest.raises(DamagedLog):
            await log.latest()
