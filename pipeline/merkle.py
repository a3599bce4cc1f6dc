"""The Merkle tree of RFC 6962: leaf and node hashes, roots, inclusion and consistency proofs, and their verification.

All pure, over SHA-256. A *node* is a complete subtree, named (level, index): it covers the leaves from
index * 2**level to (index + 1) * 2**level. A proof is made from nodes alone, so nobody needs to hold all leaves.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import reduce

HASH_BYTES = 32
EMPTY_ROOT = hashlib.sha256().digest()
Span = tuple[int, int]
"""Leaves from the first to before the second."""
NodeHash = Callable[[int, int], bytes]
"""(level, index) -> the hash of a complete subtree."""


def leaf_hash(data: bytes) -> bytes:
    """Hash of a leaf, 32 bytes."""
    return hashlib.sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash of a node over its two children, 32 bytes."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def nodes(span: Span) -> Iterator[tuple[int, int]]:
    """The complete subtrees that make up a span of leaves, from left to right, each as large as can be.

    The span starts where a subtree of RFC 6962 does: at a multiple of the power of two that its length reaches to.
    """
    low, high = span
    while low < high:
        size = 1 << ((high - low).bit_length() - 1)
        yield size.bit_length() - 1, low // size
        low += size


def joined(hashes: Sequence[bytes]) -> bytes:
    """The hash over neighbouring subtrees, each larger than all after it together."""
    return reduce(lambda right, left: node_hash(left, right), reversed(hashes[:-1]), hashes[-1])


def span_hash(span: Span, node: NodeHash) -> bytes:
    """The tree hash of a span of leaves."""
    return joined([node(*name) for name in nodes(span)])


def folded(hashes: Sequence[bytes]) -> bytes:
    """The root over 2**n hashes of one level."""
    while len(hashes) > 1:
        hashes = [node_hash(hashes[i], hashes[i + 1]) for i in range(0, len(hashes), 2)]
    return hashes[0]


class CompactRange:
    """A tree that grows at its right edge, as the few hashes that its root needs."""

    def __init__(self, size: int = 0, hashes: Iterable[bytes] = ()) -> None:
        """`hashes`: those of nodes((0, size)), left to right."""
        self.size, self._hashes = size, list(hashes)
        if len(self._hashes) != size.bit_count():
            raise ValueError(f"a tree of {size} leaves has {size.bit_count()} complete subtrees")

    def append(self, leaf: bytes) -> None:
        """Add a leaf by its hash."""
        full = self.size
        while full & 1:
            leaf = node_hash(self._hashes.pop(), leaf)
            full >>= 1
        self._hashes.append(leaf)
        self.size += 1

    def root(self) -> bytes:
        """The root of the tree so far."""
        return joined(self._hashes) if self._hashes else EMPTY_ROOT


def _split(size: int) -> int:
    """The largest power of two below `size`."""
    return 1 << ((size - 1).bit_length() - 1)


def inclusion_spans(index: int, size: int) -> list[Span]:
    """What the inclusion proof of a leaf is made of, leaf's side first (RFC 6962, 2.1.1). Raises ValueError."""
    if not 0 <= index < size:
        raise ValueError(f"there is no leaf {index} in a tree of {size}")
    spans: list[Span] = []
    low, high = 0, size
    while high - low > 1:
        middle = low + _split(high - low)
        if index < middle:
            spans.append((middle, high))
            high = middle
        else:
            spans.append((low, middle))
            low = middle
    return spans[::-1]


def consistency_spans(old: int, new: int) -> list[Span]:
    """What the proof is made of that the first tree is the beginning of the second (RFC 6962, 2.1.2).

    Empty for equal sizes and for an empty old tree, which need no proof. Raises ValueError.
    """
    if not 0 <= old <= new:
        raise ValueError(f"a tree of {old} is no beginning of one of {new}")
    if old in (0, new):
        return []
    spans: list[Span] = []
    low, high = 0, new
    while high != old:
        middle = low + _split(high - low)
        if old <= middle:
            spans.append((middle, high))
            high = middle
        else:
            spans.append((low, middle))
            low = middle
    # Where the old tree is a complete subtree from the start on, the verifier has its hash already.
    return ([(low, high)] if low else []) + spans[::-1]


def prove(spans: Iterable[Span], node: NodeHash) -> list[bytes]:
    """The hashes of a proof."""
    return [span_hash(span, node) for span in spans]


def root_of_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes]) -> bytes | None:
    """The root that an inclusion proof leads to (RFC 9162, 2.1.3.2); None where the proof has not the right shape."""
    if not 0 <= index < size:
        return None
    node, last, found = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            return None
        if node & 1 or node == last:
            found = node_hash(sibling, found)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            found = node_hash(found, sibling)
        node, last = node >> 1, last >> 1
    return found if last == 0 else None


def verify_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> bool:
    """Whether the leaf with this hash stands at this index of the tree."""
    return _hashes_only(leaf, *proof) and root_of_inclusion(leaf, index, size, proof) == root


def verify_consistency(old: int, new: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]) -> bool:
    """Whether the old tree is the beginning of the new one (RFC 9162, 2.1.4.2)."""
    if not 0 <= old <= new or not _hashes_only(old_root, new_root, *proof):
        return False
    if old in (0, new):
        return not proof and old_root == (EMPTY_ROOT if old == 0 else new_root)
    path = list(proof) if old & (old - 1) else [old_root, *proof]
    node, last = old - 1, new - 1
    while node & 1:
        node, last = node >> 1, last >> 1
    return bool(path) and _grown(path, node, last) == (old_root, new_root)


def _grown(path: Sequence[bytes], node: int, last: int) -> tuple[bytes, bytes] | None:
    """The old and the new root that a consistency proof leads to; None where it has not the right length."""
    old = new = path[0]
    for sibling in path[1:]:
        if last == 0:
            return None
        if node & 1 or node == last:
            old, new = node_hash(sibling, old), node_hash(sibling, new)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            new = node_hash(new, sibling)
        node, last = node >> 1, last >> 1
    return (old, new) if last == 0 else None


def _hashes_only(*hashes: bytes) -> bool:
    return all(len(one) == HASH_BYTES for one in hashes)
