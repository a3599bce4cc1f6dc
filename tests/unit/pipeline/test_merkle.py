"""Roots and proofs against the reference vectors of Certificate Transparency, and a naive tree."""

from __future__ import annotations

import math
from hashlib import sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.merkle import (
    EMPTY_ROOT,
    HASH_BYTES,
    CompactRange,
    consistency_spans,
    folded,
    inclusion_spans,
    leaf_hash,
    nodes,
    prove,
    root_of_inclusion,
    verify_consistency,
    verify_inclusion,
)

# The leaves, roots and proofs of transparency-dev/merkle (proof/verify_test.go), which are those of the original
# Certificate Transparency tests.
DATA = [
    bytes.fromhex(text)
    for text in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f")
]
LEAVES = [leaf_hash(data) for data in DATA]
ROOTS = [
    bytes.fromhex(text)
    for text in (
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    )
]
INCLUSION = {
    (0, 1): [],
    (0, 8): [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ],
    (5, 8): [
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ],
    (2, 3): ["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"],
    (1, 5): [
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    ],
}
CONSISTENCY = {
    (1, 1): [],
    (1, 8): [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ],
    (6, 8): [
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ],
    (2, 5): [
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    ],
    (6, 7): [
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "b08693ec2e721597130641e8211e7eedccb4c26413963eee6c1e2ed16ffb1a5f",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ],
}
TEN_MILLION = 10_000_000


class Naive:
    """The definitions of RFC 6962, 2.1, word for word."""

    def __init__(self, leaves: list[bytes]) -> None:
        self.leaves = leaves

    def root(self, low: int, high: int) -> bytes:
        if high == low:
            return sha256().digest()
        if high - low == 1:
            return self.leaves[low]
        middle = low + self.split(high - low)
        return sha256(b"\x01" + self.root(low, middle) + self.root(middle, high)).digest()

    def path(self, index: int, low: int, high: int) -> list[bytes]:
        if high - low == 1:
            return []
        middle = low + self.split(high - low)
        if index < middle:
            return [*self.path(index, low, middle), self.root(middle, high)]
        return [*self.path(index, middle, high), self.root(low, middle)]

    def subproof(self, old: int, low: int, high: int, whole: bool) -> list[bytes]:
        if old == high - low:
            return [] if whole else [self.root(low, high)]
        k = self.split(high - low)
        if old <= k:
            return [*self.subproof(old, low, low + k, whole), self.root(low + k, high)]
        return [*self.subproof(old - k, low + k, high, False), self.root(low, low + k)]

    @staticmethod
    def split(size: int) -> int:
        k = 1
        while k * 2 < size:
            k *= 2
        return k

    def node(self, level: int, index: int) -> bytes:
        return self.root(index << level, (index + 1) << level)


def naive(size: int) -> Naive:
    return Naive([leaf_hash(number.to_bytes(4, "big")) for number in range(size)])


def unhex(texts: list[str]) -> list[bytes]:
    return [bytes.fromhex(text) for text in texts]


@pytest.mark.parametrize("size", range(9))
def test_roots_are_those_of_the_reference(size: int) -> None:
    tree = CompactRange()
    for leaf in LEAVES[:size]:
        tree.append(leaf)
    assert tree.root() == ROOTS[size]
    assert (tree.size, EMPTY_ROOT) == (size, ROOTS[0])


@pytest.mark.parametrize(("index", "size"), INCLUSION)
def test_inclusion_proofs_are_those_of_the_reference(index: int, size: int) -> None:
    proof = prove(inclusion_spans(index, size), Naive(LEAVES).node)
    assert proof == unhex(INCLUSION[index, size])
    assert verify_inclusion(LEAVES[index], index, size, proof, ROOTS[size])


@pytest.mark.parametrize(("old", "new"), CONSISTENCY)
def test_consistency_proofs_are_those_of_the_reference(old: int, new: int) -> None:
    proof = prove(consistency_spans(old, new), Naive(LEAVES).node)
    assert proof == unhex(CONSISTENCY[old, new])
    assert verify_consistency(old, new, ROOTS[old], ROOTS[new], proof)


@settings(deadline=None)
@given(st.integers(1, 70).flatmap(lambda size: st.tuples(st.integers(0, size - 1), st.just(size))))
def test_inclusion_is_that_of_the_naive_tree(place: tuple[int, int]) -> None:
    index, size = place
    tree = naive(size)
    proof = prove(inclusion_spans(index, size), tree.node)
    assert proof == tree.path(index, 0, size)
    assert root_of_inclusion(tree.leaves[index], index, size, proof) == tree.root(0, size)


@settings(deadline=None)
@given(st.integers(1, 70).flatmap(lambda new: st.tuples(st.integers(1, new), st.just(new))))
def test_consistency_is_that_of_the_naive_tree(sizes: tuple[int, int]) -> None:
    old, new = sizes
    tree = naive(new)
    proof = prove(consistency_spans(old, new), tree.node)
    assert proof == tree.subproof(old, 0, new, True)
    assert verify_consistency(old, new, tree.root(0, old), tree.root(0, new), proof)


@settings(deadline=None)
@given(st.integers(0, 300))
def test_a_tree_that_grows_has_the_roots_of_the_naive_one_and_can_be_taken_up_again(size: int) -> None:
    tree, whole = naive(size), CompactRange()
    for leaf in tree.leaves:
        whole.append(leaf)
    assert whole.root() == tree.root(0, size)
    assert CompactRange(size, [tree.node(*name) for name in nodes((0, size))]).root() == whole.root()


@settings(deadline=None)
@given(st.integers(0, 6))
def test_a_full_level_folds_to_its_root(level: int) -> None:
    tree = naive(1 << level)
    assert folded(tree.leaves) == tree.root(0, 1 << level)


def test_what_is_no_tree_is_refused() -> None:
    for wrong in ((3, 3), (-1, 3), (0, 0)):
        with pytest.raises(ValueError, match="no leaf"):
            inclusion_spans(*wrong)
    with pytest.raises(ValueError, match="no beginning"):
        consistency_spans(4, 3)
    with pytest.raises(ValueError, match="complete subtrees"):
        CompactRange(3, LEAVES[:1])


@settings(deadline=None)
@given(st.data())
def test_no_altered_inclusion_proof_verifies(data: st.DataObject) -> None:
    size = data.draw(st.integers(1, 40))
    index = data.draw(st.integers(0, size - 1))
    tree = naive(size)
    proof, root, leaf = tree.path(index, 0, size), tree.root(0, size), tree.leaves[index]
    other = data.draw(st.binary(min_size=32, max_size=32))
    assert not verify_inclusion(other, index, size, proof, root)
    assert not verify_inclusion(leaf, index, size, proof, other)
    assert not verify_inclusion(leaf, index, size, [*proof, other], root)
    assert not verify_inclusion(leaf, index, size, [other, *proof], root)
    for elsewhere in {index - 1, index + 1, index ^ 2} - {index}:
        assert not verify_inclusion(leaf, elsewhere, size, proof, root)
    for position in range(len(proof)):
        assert not verify_inclusion(leaf, index, size, [*proof[:position], *proof[position + 1 :]], root)
        assert not verify_inclusion(leaf, index, size, [*proof[:position], other, *proof[position + 1 :]], root)
        assert not verify_inclusion(leaf, index, size, [*proof[:position], b"", *proof[position + 1 :]], root)


@settings(deadline=None)
@given(st.data())
def test_no_altered_consistency_proof_verifies(data: st.DataObject) -> None:
    new = data.draw(st.integers(2, 40))
    old = data.draw(st.integers(1, new - 1))
    tree = naive(new)
    proof, roots = tree.subproof(old, 0, new, True), (tree.root(0, old), tree.root(0, new))
    other = data.draw(st.binary(min_size=32, max_size=32))
    assert not verify_consistency(old, new, other, roots[1], proof)
    assert not verify_consistency(old, new, roots[0], other, proof)
    assert not verify_consistency(old, new, roots[1], roots[0], proof)
    assert not verify_consistency(old, new, *roots, [*proof, other])
    assert not verify_consistency(old, new, *roots, [other, *proof])
    assert not verify_consistency(old, new, *roots, [])
    assert not verify_consistency(new, old, *roots, proof)
    for position in range(len(proof)):
        assert not verify_consistency(old, new, *roots, [*proof[:position], other, *proof[position + 1 :]])
        assert not verify_consistency(old, new, *roots, [*proof[:position], *proof[position + 1 :]])


def test_equal_and_empty_trees_need_no_proof_and_take_none() -> None:
    assert verify_consistency(0, 5, EMPTY_ROOT, ROOTS[5], [])
    assert verify_consistency(5, 5, ROOTS[5], ROOTS[5], [])
    assert not verify_consistency(0, 5, ROOTS[1], ROOTS[5], [])
    assert not verify_consistency(5, 5, ROOTS[4], ROOTS[5], [])
    assert not verify_consistency(5, 5, ROOTS[5], ROOTS[5], [ROOTS[1]])


@pytest.mark.parametrize("index", [0, 1, TEN_MILLION // 2, TEN_MILLION - 1])
def test_a_proof_in_a_tree_of_ten_million_leaves_has_less_than_3_kb(index: int) -> None:
    inclusion = len(inclusion_spans(index, TEN_MILLION)) * HASH_BYTES
    consistency = len(consistency_spans(index + 1, TEN_MILLION)) * HASH_BYTES
    assert inclusion <= math.ceil(math.log2(TEN_MILLION)) * HASH_BYTES <= 768
    # Written as base64 in a JSON array a hash takes 47 characters.
    assert (inclusion + consistency) / HASH_BYTES * 47 <= 3_000
