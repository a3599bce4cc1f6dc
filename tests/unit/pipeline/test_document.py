"""A document comes back as it was sealed, or not at all."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path
from typing import Any

import pytest
import zstandard

from pipeline.canonical import digest, dumps
from pipeline.document import Sealed, document_bytes, open_document, seal
from pipeline.errors import Invalid
from pipeline.objectstore import FolderStore
from schemas.examples import load_examples
from schemas.records import TraceAssembled

DOCUMENT = dumps({"events": [{"output": os.urandom(2000).hex()}], "trace_version": "1.0"})


def _revision(sealed: Sealed, **change: Any) -> TraceAssembled:
    example: Any = load_examples()["TraceAssembled"]
    fields = {"document": sealed.inline, "document_ref": sealed.ref, "document_digest": sealed.digest}
    revision: TraceAssembled = dataclasses.replace(example, **{**fields, "document_size": sealed.size, **change})
    return revision


async def _sealed(folder: Path, limit: int) -> tuple[FolderStore, Sealed]:
    store = FolderStore(folder)
    return store, await seal(DOCUMENT, "trace-1", store, limit)


async def test_a_small_document_travels_inline(tmp_path: Path) -> None:
    store, sealed = await _sealed(tmp_path, 100_000)
    assert sealed.ref is None
    assert await store.keys("") == []
    assert await document_bytes(_revision(sealed), store) == DOCUMENT


async def test_a_big_document_travels_by_reference(tmp_path: Path) -> None:
    store, sealed = await _sealed(tmp_path, 100)
    assert sealed.inline is None
    assert await store.keys("") == [sealed.ref] == [f"documents/trace-1/{digest(DOCUMENT).removeprefix('sha256:')}"]
    assert (await open_document(_revision(sealed), store))["trace_version"] == "1.0"


async def test_the_limit_is_on_compressed_bytes(tmp_path: Path) -> None:
    size = len(zstandard.compress(DOCUMENT))
    assert size < len(DOCUMENT)
    assert (await _sealed(tmp_path, size))[1].inline is not None
    assert (await _sealed(tmp_path, size - 1))[1].inline is None


@pytest.mark.parametrize(
    "change",
    [
        {"document": b"not zstd"},
        {"document": zstandard.compress(DOCUMENT)[:-5]},
        {"document": zstandard.compress(DOCUMENT.replace(b"1.0", b"1.1"))},
        {"document": zstandard.compress(DOCUMENT + b" ")},
        {"document_digest": digest(b"another")},
        {"document_size": len(DOCUMENT) - 1},
        {"document": None},
        {"document": None, "document_ref": "documents/" + "0" * 64},
    ],
    ids=["no zstd", "cut", "altered", "longer", "digest", "size", "nowhere", "missing"],
)
async def test_a_damaged_or_missing_document_is_invalid(tmp_path: Path, change: dict[str, Any]) -> None:
    store, sealed = await _sealed(tmp_path, 100_000)
    with pytest.raises(Invalid, match="document"):
        await document_bytes(_revision(sealed, **change), store)


async def test_a_frame_that_claims_terabytes_is_refused_before_memory_is_taken(tmp_path: Path) -> None:
    store, sealed = await _sealed(tmp_path, 100_000)
    size = 2**42
    frame = bytes.fromhex("28b52ffd") + b"\xe0" + size.to_bytes(8, "little") + b"\x01\x00\x00"
    assert zstandard.frame_content_size(frame) == size
    with pytest.raises(Invalid, match="damaged"):
        await document_bytes(_revision(sealed, document=frame, document_size=size), store)
