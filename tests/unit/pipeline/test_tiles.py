"""Tiles: named as the specification says, and enough for every proof."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.merkle import (
    CompactRange,
    consistency_spans,
    inclusion_spans,
    leaf_hash,
    verify_consistency,
    verify_inclusion,
)
from pipeline.tiles import WIDTH, BadTile, Edge, Tile, edge_tiles, hashes_of, prove_from, tile_of, tiles_of

LEAVES = [leaf_hash(number.to_bytes(4, "big")) for number in range(70_000)]
# Around the borders of tiles of both levels.
SIZES = st.one_of(st.integers(1, 600), st.integers(65_000, 70_000), st.sampled_from([255, 256, 257, 65_535, 65_536]))


class Log:
    """All tiles that a log of so many leaves has stored, full and partial, and its roots."""

    def __init__(self, most: int) -> None:
        self.tiles: dict[Tile, bytes] = {}
        self.roots: list[bytes] = []
        self.edges: dict[int, list[tuple[Tile, bytes]]] = {}
        edge, tree = Edge(), CompactRange()
        for size, leaf in enumerate(LEAVES[:most]):
            self.roots.append(tree.root())
            self.edges[size] = edge.partial()
            self.tiles.update(edge.append(leaf))
            tree.append(leaf)
        self.roots.append(tree.root())
        self.edges[most] = edge.partial()

    def at(self, size: int) -> dict[Tile, bytes]:
        """What may be read for a checkpoint of this size: full tiles, and the partial ones of this size."""
        return {**self.tiles, **dict(self.edges[size])}


@pytest.fixture(scope="module")
def log() -> Log:
    return Log(len(LEAVES))


@pytest.mark.parametrize(
    ("tile", "path"),
    [
        (Tile(0, 0), "tile/0/000"),
        (Tile(0, 1_234_067), "tile/0/x001/x234/067"),
        (Tile(3, 999), "tile/3/999"),
        (Tile(1, 1_000, 5), "tile/1/x001/000.p/5"),
        (Tile(0, 273, 112), "tile/0/273.p/112"),
    ],
)
def test_paths_are_those_of_the_specification(tile: Tile, path: str) -> None:
    assert tile.path() == path


def test_the_examples_of_the_specification(log: Log) -> None:
    assert edge_tiles(70_000) == [Tile(0, 273, 112), Tile(1, 1, 17), Tile(2, 0, 1)]
    assert edge_tiles(256) == [Tile(1, 0, 1)]
    assert edge_tiles(0) == []
    full = [tile for tile in log.tiles if tile.width == WIDTH]
    assert [sum(tile.level == level for tile in full) for level in range(3)] == [273, 1, 0]


@settings(deadline=None)
@given(SIZES, st.data())
def test_inclusion_is_proved_from_tiles_alone(log: Log, size: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, size - 1))
    spans = inclusion_spans(index, size)
    needed = tiles_of(spans, size)
    proof = prove_from(spans, size, {tile: log.at(size)[tile] for tile in needed})
    assert verify_inclusion(LEAVES[index], index, size, proof, log.roots[size])
    assert len(needed) <= 6


@settings(deadline=None)
@given(SIZES, st.data())
def test_consistency_is_proved_from_tiles_alone(log: Log, new: int, data: st.DataObject) -> None:
    old = data.draw(st.integers(1, new))
    spans = consistency_spans(old, new)
    proof = prove_from(spans, new, {tile: log.at(new)[tile] for tile in tiles_of(spans, new)})
    assert verify_consistency(old, new, log.roots[old], log.roots[new], proof)


@settings(deadline=None)
@given(SIZES)
def test_an_edge_is_taken_up_again_from_its_tiles(log: Log, size: int) -> None:
    edge = Edge(size, dict(log.edges[size]))
    assert edge.partial() == log.edges[size]
    assert edge.range().root() == log.roots[size]
    for leaf in LEAVES[size : size + 300]:
        for tile, content in edge.append(leaf):
            assert log.tiles[tile] == content
    assert edge.range().root() == log.roots[min(size + 300, len(LEAVES))]


def test_a_tile_of_another_length_is_refused() -> None:
    with pytest.raises(BadTile, match=r"tile/0/000\.p/2 has 32 bytes instead of 64"):
        hashes_of(Tile(0, 0, 2), bytes(32))
    with pytest.raises(BadTile):
        Edge(2, {Tile(0, 0, 2): bytes(32)})


def test_a_node_of_a_full_tile_is_never_looked_for_in_a_partial_one() -> None:
    assert tile_of(0, 255, 256) == Tile(0, 0)
    assert tile_of(0, 255, 300) == Tile(0, 0)
    assert tile_of(8, 0, 300) == Tile(1, 0, 1)
