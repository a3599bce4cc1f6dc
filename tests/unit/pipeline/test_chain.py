"""The chain and the head notice every change of what they cover."""

from __future__ import annotations

import dataclasses
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import chain
from pipeline.canonical import dumps
from schemas.examples import load_examples

EXAMPLES: dict[str, Any] = load_examples()
CREATED, CHUNK, STORED = EXAMPLES["TraceCreated"], EXAMPLES["EventsAppended"], EXAMPLES["ArtifactStored"]
EVENTS = st.lists(st.binary(min_size=1, max_size=30), min_size=1, max_size=6)


def _head(created: Any = CREATED, chunk: Any = CHUNK, artifact: Any = STORED, offset: int = 5, out: str = "x") -> str:
    link = chain.extend(chain.genesis(created), chunk.events)
    return chain.head(link, [chain.receipt_statement(chunk, 0, offset)], [artifact], out)


@given(EVENTS, st.data())
def test_any_changed_byte_changes_the_link(events: list[bytes], data: st.DataObject) -> None:
    start = chain.genesis(CREATED)
    victim = data.draw(st.integers(0, len(events) - 1))
    position = data.draw(st.integers(0, len(events[victim]) - 1))
    changed = bytearray(events[victim])
    changed[position] ^= data.draw(st.integers(1, 255))
    tampered = [*events[:victim], bytes(changed), *events[victim + 1 :]]
    assert chain.extend(start, tampered) != chain.extend(start, events)


@given(EVENTS)
def test_dropping_repeating_swapping_or_joining_events_changes_the_link(events: list[bytes]) -> None:
    start = chain.genesis(CREATED)
    whole = chain.extend(start, events)
    assert chain.extend(start, events[1:]) != whole
    assert chain.extend(start, [*events, events[-1]]) != whole
    if events != events[::-1]:
        assert chain.extend(start, events[::-1]) != whole
    if len(events) > 1:
        assert chain.extend(start, [events[0] + events[1], *events[2:]]) != whole


@given(EVENTS, EVENTS)
def test_the_link_can_be_extended_chunk_by_chunk(first: list[bytes], second: list[bytes]) -> None:
    start = chain.genesis(CREATED)
    assert chain.extend(chain.extend(start, first), second) == chain.extend(start, first + second)


def test_links_are_the_documented_hashes() -> None:
    created = dataclasses.replace(CREATED, start_commit=None)
    fields = {k: v for k, v in dataclasses.asdict(created).items() if v is not None}
    start = sha256(dumps(fields)).digest()
    assert chain.genesis(created) == start
    assert chain.extend(start, [b"event"]) == sha256(start + sha256(b"event").digest()).digest()
    assert chain.spell(start) == f"sha256:{start.hex()}"


@pytest.mark.parametrize("field", [field.name for field in dataclasses.fields(CREATED)])
def test_the_head_covers_every_field_of_the_creation(field: str) -> None:
    assert _head(created=dataclasses.replace(CREATED, **{field: _other(getattr(CREATED, field))})) != _head()


@pytest.mark.parametrize("field", ["chunk_seq", "received_at_us", "chunk_digest", "trace_id", "events"])
def test_the_head_covers_receipts(field: str) -> None:
    assert _head(chunk=dataclasses.replace(CHUNK, **{field: _other(getattr(CHUNK, field))})) != _head()


@pytest.mark.parametrize("field", ["name", "sha256", "received_at_us"])
def test_the_head_covers_artifacts(field: str) -> None:
    assert _head(artifact=dataclasses.replace(STORED, **{field: _other(getattr(STORED, field))})) != _head()


def test_the_head_covers_position_and_outcome() -> None:
    assert len({_head(), _head(offset=6), _head(out="abandoned")}) == 3


def test_the_chunk_digest_covers_the_place_of_the_events_and_not_server_time() -> None:
    def digest(**change: Any) -> str:
        parts = {"trace_id": "t", "chunk_seq": 0, "chunk_id": "c", "prev_chunk_digest": None, "events": [b"a", b"b"]}
        return chain.chunk_digest(**{**parts, **change})

    changes: list[dict[str, Any]] = [
        {},
        {"trace_id": "u"},
        {"chunk_seq": 1},
        {"chunk_id": "d"},
        {"prev_chunk_digest": "sha256:0"},
        {"events": [b"ab"]},
        {"events": [b"b", b"a"]},
    ]
    assert len({digest(**change) for change in changes}) == len(changes)


def _other(value: Any) -> Any:
    if isinstance(value, dict):
        return {**value, "another": value.get("another", 0) if all(isinstance(v, int) for v in value.values()) else "x"}
    return {str: "another", int: 7, tuple: (b"{}",)}[type(value)]
