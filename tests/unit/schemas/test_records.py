"""The wire form of every record: stable, complete, readable for ever."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.chain import chunk_digest, extend, genesis, head, receipt_statement, spell
from pipeline.document import open_document
from pipeline.objectstore import FolderStore
from schemas import codec, records
from schemas.codec import UndecodableRecord, current_schema, decode, encode
from schemas.examples import load_examples
from schemas.records import (
    RECORDS,
    ArtifactStored,
    EventsAppended,
    LeafAppended,
    Record,
    TraceAssembled,
    TraceCompleted,
    TraceCreated,
)
from schemas.release import released_files
from schemas.topics import TOPICS

EXAMPLES = load_examples()
R = TypeVar("R", bound=Record)
GOLDEN: dict[str, str] = json.loads(Path(__file__).with_name("golden_bytes.json").read_text())
VALID = encode(EXAMPLES["TraceCompleted"])


@pytest.mark.parametrize("name", RECORDS)
def test_the_bytes_of_every_example_are_the_ones_of_old(name: str) -> None:
    """A deliberate change of the wire form: old bytes must stay readable, then `encode(example).hex()` goes there."""
    assert encode(EXAMPLES[name]).hex() == GOLDEN[name]
    assert decode(bytes.fromhex(GOLDEN[name])) == EXAMPLES[name]


@pytest.mark.parametrize("name", RECORDS)
def test_schema_and_record_have_the_same_fields_each_documented(name: str) -> None:
    schema = current_schema(name)
    for inner in _nested(schema):
        _compare(inner, getattr(records, inner["name"]))


def _nested(schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The record schema and every record schema inside it."""
    yield schema
    for field in schema["fields"]:
        items = field["type"].get("items") if isinstance(field["type"], dict) else None
        if isinstance(items, dict):
            yield from _nested(items)


def _compare(schema: dict[str, object], record: type) -> None:
    fields = schema["fields"]
    assert isinstance(fields, list)
    assert [f["name"] for f in fields] == [f.name for f in dataclasses.fields(record)]
    assert all(f["doc"] for f in fields)
    optional = [f["name"] for f in fields if "default" in f]
    assert optional == [f.name for f in dataclasses.fields(record) if f.default is not dataclasses.MISSING]


def test_every_record_is_in_a_topic() -> None:
    assert {name for topic in TOPICS for name in topic.records} == set(RECORDS)


def test_what_is_derived_from_the_contract_is_up_to_date() -> None:
    stale = [path.name for path, text in released_files().items() if not path.exists() or path.read_text() != text]
    assert not stale, "run `python -m schemas.release`"


def test_bytes_of_an_older_writer_stay_readable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    older = dict(current_schema("TraceCompleted"))
    older["fields"] = [field for field in older["fields"] if field["name"] != "last_digest"]
    (tmp_path / "history").mkdir()
    (tmp_path / "TraceCompleted.avsc").write_text(json.dumps(older))
    (tmp_path / "history" / "older.avsc").write_text(json.dumps(older))
    monkeypatch.setattr(codec, "_writers", codec._writers.__wrapped__)
    body = VALID[codec.HEADER :].removesuffix(_avro_string(_example(TraceCompleted).last_digest or ""))
    written = codec.MAGIC + codec.schema_fingerprint(older) + body
    with pytest.raises(UndecodableRecord, match="unknown writer schema"):
        decode(written)
    monkeypatch.setattr(codec, "AVRO", tmp_path)
    assert decode(written) == dataclasses.replace(_example(TraceCompleted), last_digest=None)


def _avro_string(text: str) -> bytes:
    """Union branch 1, zigzag length, UTF-8."""
    length = len(text) * 2
    return b"\x02" + bytes([length & 0x7F | 0x80, length >> 7]) + text.encode()


@pytest.mark.parametrize(
    "data",
    [
        None,
        b"",
        b"{}",
        VALID[:9],
        b"\xc3\x01" + bytes(8),
        b"\xc3\x02" + VALID[2:],
        VALID[:-1],
        VALID + b"\x00",
        VALID[:10] + b"\xff" * 40,
        VALID[:11] + b"\xff" + VALID[12:],
    ],
    ids=["tombstone", "empty", "json", "short", "unknown", "magic", "cut", "longer", "damaged", "not UTF-8"],
)
def test_other_bytes_are_undecodable(data: bytes | None) -> None:
    with pytest.raises(UndecodableRecord):
        decode(data)


TEXT = st.text(st.characters(codec="utf-8"), max_size=40)
LONG = st.integers(-(2**63), 2**63 - 1)


@given(
    st.builds(
        EventsAppended,
        **dict.fromkeys(("trace_id", "project", "chunk_id", "chunk_digest"), TEXT),
        **dict.fromkeys(("created_offset", "chunk_seq", "received_at_us"), LONG),
        events=st.lists(st.binary(max_size=80), max_size=8).map(tuple),
        body_mac=st.binary(max_size=32),
        prev_chunk_digest=st.none() | TEXT,
        redactions=st.dictionaries(TEXT, st.integers(-(2**31), 2**31 - 1), max_size=4),
    )
)
def test_any_chunk_comes_back_as_it_was(chunk: EventsAppended) -> None:
    assert decode(encode(chunk)) == chunk


def _example(record: type[R]) -> R:
    example = EXAMPLES[record.__name__]
    assert isinstance(example, record)
    return example


async def test_the_examples_are_one_trace_that_verifies(tmp_path: Path) -> None:
    created, chunk, assembled = _example(TraceCreated), _example(EventsAppended), _example(TraceAssembled)
    assert chunk.chunk_digest == chunk_digest(chunk.trace_id, 0, chunk.chunk_id, None, chunk.events)
    last_link = extend(genesis(created), chunk.events)
    receipt = receipt_statement(chunk, _example(LeafAppended).source_partition, assembled.first_offset + 1)
    assert assembled.last_link == spell(last_link)
    assert assembled.head == head(last_link, [receipt], [_example(ArtifactStored)], assembled.outcome)
    document = await open_document(assembled, FolderStore(tmp_path))
    assert document["events"] == [json.loads(event) for event in chunk.events]
