"""Compressed bodies come out whole and never larger than the limit; bombs and damage are told apart."""

import gzip
from collections.abc import Callable

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from ingest_gateway.encodings import decoded, supported
from ingest_gateway.problems import BAD_ENCODING, TOO_LARGE, UNSUPPORTED_MEDIA_TYPE, Kind, Problem

LIMIT = 10_000


def zstd_of_unknown_size(content: bytes) -> bytes:
    stream = zstandard.ZstdCompressor(write_content_size=False).compressobj()
    return stream.compress(content) + stream.flush()


PACK: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "zstd": zstandard.compress,
    "zstd of unknown size": zstd_of_unknown_size,
}


def refused(content: bytes, encoding: str, kind: Kind) -> None:
    with pytest.raises(Problem) as problem:
        decoded(content, encoding, LIMIT)
    assert problem.value.kind is kind


@pytest.mark.parametrize("name", PACK)
def test_a_body_comes_out_whole_up_to_the_limit(name: str) -> None:
    pack, encoding = PACK[name], name.split()[0]
    for size in (0, 1, LIMIT):
        assert decoded(pack(b"x" * size), encoding, LIMIT) == b"x" * size
    refused(pack(b"x" * (LIMIT + 1)), encoding, TOO_LARGE)
    refused(pack(b"x" * 50_000_000), encoding, TOO_LARGE)


@pytest.mark.parametrize("name", PACK)
def test_damage_is_told(name: str) -> None:
    packed, encoding = PACK[name](b"some text that is long enough to be cut" * 9), name.split()[0]
    for damaged in (packed[:-3], packed[5:], packed + b"more", b"", b"{}"):
        refused(damaged, encoding, BAD_ENCODING)


def test_a_size_that_is_only_promised_allocates_nothing() -> None:
    promise = zstandard.compress(b"x" * 1_000)
    huge = zstandard.FRAME_HEADER + b"\xe0" + (2**62).to_bytes(8, "little") + promise[8:]
    assert zstandard.frame_content_size(huge) == 2**62
    refused(huge, "zstd", TOO_LARGE)


@given(st.binary(max_size=200), st.sampled_from(["gzip", "zstd"]))
def test_any_bytes_are_a_body_or_a_problem(content: bytes, encoding: str) -> None:
    with pytest.raises(Problem):
        decoded(content, encoding, LIMIT)


def test_encodings_by_name() -> None:
    assert [supported(name) for name in (None, "GZIP", " zstd", "identity")] == ["identity", "gzip", "zstd", "identity"]
    for name in ("br", "gzip, gzip", "x"):
        with pytest.raises(Problem) as problem:
            supported(name)
        assert problem.value.kind is UNSUPPORTED_MEDIA_TYPE
        assert problem.value.response().headers["Accept-Encoding"] == "gzip, zstd, identity"
