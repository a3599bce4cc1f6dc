"""On our domain canonical JSON is RFC 8785, byte for byte."""

from __future__ import annotations

import json
import resource
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.canonical import compact, digest, digest_of, dumps, loads
from schemas.events import MAX_SAFE_INT

PAIRS = Path(__file__).parents[3].parent / "shared/data/json/jcs"
SHORT = {'"': '\\"', "\\": "\\\\", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def rfc8785(value: Any) -> str:
    """The reference, written from the RFC: 3.2.2.2 strings, 3.2.2.3 integers, 3.2.3 sorting by UTF-16 code units."""
    if isinstance(value, str):
        return '"' + "".join(SHORT.get(c) or (f"\\u{ord(c):04x}" if c < " " else c) for c in value) + '"'
    if isinstance(value, dict):
        members = sorted(value.items(), key=lambda member: member[0].encode("utf-16-be"))
        return "{" + ",".join(f"{rfc8785(k)}:{rfc8785(v)}" for k, v in members) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(rfc8785, value)) + "]"
    return {True: "true", False: "false", None: "null"}[value] if isinstance(value, bool | None) else str(value)


ATOMS = st.text(st.characters(codec="utf-8")) | st.integers(-MAX_SAFE_INT, MAX_SAFE_INT) | st.booleans() | st.none()
KEYS = st.text(st.characters(max_codepoint=127))
VALUES = st.recursive(ATOMS, lambda inner: st.lists(inner) | st.dictionaries(KEYS, inner), max_leaves=20)


@given(VALUES)
def test_our_bytes_are_those_of_the_rfc(value: Any) -> None:
    assert dumps(value).decode() == rfc8785(value)
    assert loads(dumps(value)) == value


@pytest.mark.parametrize("name", ["arrays", "french"])
def test_published_vectors_without_floats(name: str) -> None:
    source = PAIRS / "input" / f"{name}.json"
    if not source.exists():
        pytest.skip(f"the published vector {name} is not on this machine")
    assert dumps(json.loads(source.read_text())) == (PAIRS / "output" / f"{name}.json").read_bytes()


def test_a_digest_names_its_algorithm() -> None:
    assert digest(b"") == "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert digest_of({"b": 1, "a": 2}) == digest(b'{"a":2,"b":1}')


def resident() -> int:
    """Resident memory of this process, bytes (statm of proc(5))."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def test_what_is_kept_takes_the_memory_of_its_length() -> None:
    before = resident()
    kept = [compact(dumps({"n": number})) for number in range(20_000)]
    assert kept[7] == b'{"n":7}'
    assert resident() - before < len(kept) * 512
