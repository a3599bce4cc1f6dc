"""The fold over integrity-log: which records are leaves, at which index, and what the tree is after them. Pure.

A leaf counts where its hash first stands in the topic; every later copy, whoever wrote it, changes nothing. So all who
read the same prefix have the same tree, and a second notary can only repeat what the first one says.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from pipeline.checkpoints import Checkpoint
from pipeline.errors import Explained
from pipeline.tiles import Edge, Tile
from schemas.records import LeafAppended

# A checkpoint is checked when it is read, and meanwhile others may have gone on; a notary that was stopped longer than
# this many leaves is not checked any more.
HEADS_KEPT = 65_536


class Contradiction(Explained):
    """The log, or what was kept of it, is not what it was when it was signed. Nothing more may be signed here."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a leaf stands: its index in the tree, and its offset in the topic."""

    index: int
    offset: int


@dataclass(frozen=True, slots=True)
class Folded:
    """What a batch of records adds: leaves by hash, and the tiles that they fill."""

    places: Mapping[bytes, Place]
    tiles: list[tuple[Tile, bytes]] = field(default_factory=list)


class Ledger:
    """The tree after a prefix of the topic. `next_offset`: where the rest begins."""

    def __init__(self, origin: str, edge: Edge, next_offset: int = 0) -> None:
        self._origin, self._edge, self._tree = origin, edge, edge.range()
        self.next_offset = next_offset
        # Size -> (root, where the rest of the topic begins then), oldest first.
        self._heads: dict[int, tuple[bytes, int]] = {edge.size: (self._tree.root(), next_offset)}

    @property
    def size(self) -> int:
        """Leaves so far."""
        return self._tree.size

    def head(self) -> Checkpoint:
        """What there is to sign."""
        return Checkpoint(self._origin, self.size, self._tree.root())

    def resumes_at(self, size: int) -> int | None:
        """From which offset a reader with a tree of this size goes on; None where that is forgotten."""
        return self._heads[size][1] if size in self._heads else None

    def partial_tiles(self) -> list[tuple[Tile, bytes]]:
        """The tiles at the right edge, as a checkpoint of now needs them."""
        return self._edge.partial()

    def fold(self, leaves: Iterable[tuple[int, LeafAppended]], known: Mapping[bytes, Place]) -> Folded:
        """Take the leaves at these offsets; `known`: places of these hashes that were told before, by anybody.

        Raises Contradiction where a place is not the one that was told.
        """
        folded = Folded({})
        for offset, leaf in leaves:
            told = folded.places.get(leaf.leaf_hash) or known.get(leaf.leaf_hash)
            self.next_offset = offset + 1
            if told is not None and told.offset < offset:
                continue
            place = Place(self.size, offset)
            if told not in (None, place):
                raise Contradiction(f"leaf {leaf.leaf_hash.hex()} stands at {place}, and was told to stand at {told}")
            folded.places[leaf.leaf_hash] = place  # type: ignore[index]  # made here, given away read-only
            folded.tiles.extend(self._append(leaf.leaf_hash))
        return folded

    def _append(self, leaf_hash: bytes) -> list[tuple[Tile, bytes]]:
        filled = self._edge.append(leaf_hash)
        self._tree.append(leaf_hash)
        self._heads[self.size] = (self._tree.root(), self.next_offset)
        if len(self._heads) > HEADS_KEPT:
            del self._heads[next(iter(self._heads))]
        return filled

    def check(self, signed: Checkpoint) -> bool:
        """Whether a checkpoint that was signed for this log earlier in the topic fits; False where it is too old.

        Raises Contradiction where it does not fit.
        """
        if signed.size > self.size:
            raise Contradiction(f"integrity-log has {self.size} leaves where {signed.size} were signed")
        if signed.size not in self._heads:
            return False
        if self._heads[signed.size][0] != signed.root:
            raise Contradiction(f"the first {signed.size} leaves of integrity-log are not those that were signed")
        return True
