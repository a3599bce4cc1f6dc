"""The Merkle tree in tiles of 256 hashes, so that a proof needs a handful of small objects, never the whole log. Pure.

Layout and names: https://c2sp.org/tlog-tiles. The n-th tile of level l holds the hashes of complete subtrees of height
8 * l; a full tile never changes, the partial ones at the right edge are kept for every size that has a checkpoint.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from pipeline.merkle import HASH_BYTES, CompactRange, Span, folded, nodes, prove

HEIGHT = 8
WIDTH = 1 << HEIGHT


@dataclass(frozen=True, slots=True)
class Tile:
    """The name of a tile; `width` below 256 for a partial one."""

    level: int
    index: int
    width: int = WIDTH

    def path(self) -> str:
        """Its path below the log's prefix, `tile/<level>/x001/x234/067[.p/<width>]`."""
        digits = f"{self.index:03d}"
        digits = digits.zfill(-(-len(digits) // 3) * 3)
        parts = [digits[i : i + 3] for i in range(0, len(digits), 3)]
        number = "/".join([*(f"x{part}" for part in parts[:-1]), parts[-1]])
        return f"tile/{self.level}/{number}" + ("" if self.width == WIDTH else f".p/{self.width}")


def tile_of(level: int, index: int, size: int) -> Tile:
    """The tile that tells the node (level, index) of a tree of `size` leaves."""
    tile_level, height = divmod(level, HEIGHT)
    number = (index << height) // WIDTH
    return Tile(tile_level, number, min(WIDTH, (size >> (HEIGHT * tile_level)) - number * WIDTH))


def tiles_of(spans: Iterable[Span], size: int) -> set[Tile]:
    """The tiles that these spans of a tree of `size` leaves are told by."""
    return {tile_of(level, index, size) for span in spans for level, index in nodes(span)}


def edge_tiles(size: int) -> list[Tile]:
    """The partial tiles of a tree of `size` leaves, lowest level first; a level whose last tile is full has none."""
    levels = range((size.bit_length() + HEIGHT - 1) // HEIGHT)
    whole = [(level, size >> (HEIGHT * level)) for level in levels]
    return [Tile(level, count // WIDTH, count % WIDTH) for level, count in whole if count % WIDTH]


def prove_from(spans: Iterable[Span], size: int, tiles: Mapping[Tile, bytes]) -> list[bytes]:
    """The proof made of these spans; `tiles` holds at least tiles_of(spans, size). Raises BadTile."""

    def node(level: int, index: int) -> bytes:
        tile, count = tile_of(level, index, size), 1 << (level % HEIGHT)
        return folded(hashes_of(tile, tiles[tile], (index * count) % WIDTH, count))

    return prove(spans, node)


class BadTile(ValueError):
    """The bytes are not as many as the tile has."""


def hashes_of(tile: Tile, content: bytes, first: int = 0, count: int = WIDTH) -> list[bytes]:
    """The hashes in a tile, or so many of them from the first on. Raises BadTile."""
    if len(content) != tile.width * HASH_BYTES:
        raise BadTile(f"{tile.path()} has {len(content)} bytes instead of {tile.width * HASH_BYTES}")
    end = min(first + count, tile.width)
    return [content[i * HASH_BYTES : (i + 1) * HASH_BYTES] for i in range(first, end)]


class Edge:
    """The right edge of a growing tree: the tiles that are not full yet."""

    def __init__(self, size: int = 0, tiles: Mapping[Tile, bytes] | None = None) -> None:
        """`tiles`: the content of edge_tiles(size). Raises BadTile."""
        self.size = size
        self._levels: list[list[bytes]] = []
        for tile in edge_tiles(size):
            self._level(tile.level).extend(hashes_of(tile, (tiles or {})[tile]))

    def _level(self, level: int) -> list[bytes]:
        self._levels += [[] for _ in range(level + 1 - len(self._levels))]
        return self._levels[level]

    def append(self, leaf: bytes) -> list[tuple[Tile, bytes]]:
        """Add a leaf by its hash; the tiles that this has filled."""
        self.size += 1
        filled: list[tuple[Tile, bytes]] = []
        level, added = 0, leaf
        while True:
            hashes = self._level(level)
            hashes.append(added)
            if len(hashes) < WIDTH:
                return filled
            tile = Tile(level, (self.size >> (HEIGHT * level)) // WIDTH - 1)
            filled.append((tile, b"".join(hashes)))
            added, level = folded(hashes), level + 1
            hashes.clear()

    def partial(self) -> list[tuple[Tile, bytes]]:
        """The partial tiles as they are now."""
        return [(tile, b"".join(self._levels[tile.level])) for tile in edge_tiles(self.size)]

    def range(self) -> CompactRange:
        """The whole tree, as it grows on by itself."""
        tiles = dict(self.partial())
        return CompactRange(self.size, prove_from([*map(_alone, nodes((0, self.size)))], self.size, tiles))


def _alone(node: tuple[int, int]) -> Span:
    level, index = node
    return index << level, (index + 1) << level
