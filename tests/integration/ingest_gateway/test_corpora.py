"""Documents and texts that broke other parsers, as chunks and in every place of a chunk: never a 5xx, never called
malformed where it is JSON, and what is taken is stored as it came.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson
import pytest

from ingest_gateway.answers import ProblemAnswer
from pipeline.canonical import dumps
from schemas.records import EventsAppended
from tests.integration.ingest_gateway.conftest import Front, Opened, chunk, note
from tests.integration.ingest_gateway.test_fuzz import TOGETHER, verdict
from tests.support.data import shared_data

pytestmark = pytest.mark.integration
HERE = "<here>"
EDIT = {"id": "f", "seq": 0, "ts_client_us": 7, "type": "file_edit", "file_path": "a", "diff_unified": ""}
RUN = {"id": "r", "seq": 0, "ts_client_us": 7, "type": "cmd_run", "command": "ls"}
TESTS = {"id": "t", "seq": 0, "ts_client_us": 7, "type": "test_run", "framework": "pytest"}
COMMIT = {"id": "c", "seq": 0, "ts_client_us": 7, "type": "commit", "message": "m"}
# Each place where a client's value goes, in bodies that are good but for it.
PLACES: dict[str, dict[str, Any]] = {
    "text": chunk(0, note(0, HERE)),
    "seq": chunk(0, {**note(0), "seq": HERE}),
    "time": chunk(0, {**note(0), "ts_client_s": HERE}),
    "id": chunk(0, {**note(0), "id": HERE}),
    "causes": chunk(0, {**note(0), "caused_by": HERE}),
    "exit_code": chunk(0, {**RUN, "exit_code": HERE}),
    "duration": chunk(0, {**RUN, "duration_s": HERE}),
    "output": chunk(0, {**RUN, "output": HERE}),
    "diff": chunk(0, {**EDIT, "diff_unified": HERE}),
    "results": chunk(0, {**TESTS, "results": HERE}),
    "parents": chunk(0, {**COMMIT, "parents": HERE}),
    "unknown member": chunk(0, {**note(0), "more": HERE}),
    "event": chunk(0) | {"events": [HERE]},
    "events": chunk(0) | {"events": HERE},
    "chunk_seq": chunk(0) | {"chunk_seq": HERE},
    "chunk_id": chunk(0) | {"chunk_id": HERE},
    "digest": chunk(0, prev_chunk_digest=HERE),
}
# The suite leaves these to each parser; as with any JSON, a refusal has to be clean.
HARD = {
    "10,000 arrays": b"[" * 10_000 + b"]" * 10_000,
    "10,000 objects": b'{"a":' * 10_000 + b"1" + b"}" * 10_000,
    "100,000 arrays without end": b"[" * 100_000,
    "lone surrogate": b'"\\ud800"',
    "surrogates in wrong order": b'"\\udc00\\ud800"',
    "half a surrogate pair": b'"\\ud83d"',
    "raw surrogate": b'"\xed\xa0\x80"',
    "overlong": b'"\xc0\xaf"',
    "cut UTF-8": b'"\xe2\x82"',
    "raw NUL": b'"\x00"',
    "NaN": b"NaN",
    "Infinity": b"-Infinity",
    "1e400": b"1e400",
    "tiny": b"1e-400",
    "2**53": b"9007199254740992",
    "2**64": b"18446744073709551616",
    "4,000 digits": b"9" * 4_000,
    "100,000 digits": b"1" * 100_000,
    "many decimals": b"0." + b"1" * 10_000,
    "leading zero": b"01",
    "hexadecimal": b"0x10",
    "comment": b"1/**/",
    "single quotes": b"'a'",
    "byte order mark": b"\xef\xbb\xbf1",
    "duplicate keys": b'{"a":1,"a":2,"__proto__":3}',
    "trailing comma": b"[1,]",
}


def documents() -> dict[str, bytes]:
    """What every parser must take, by its name in the suite."""
    found = sorted((shared_data("json") / "parsing").glob("y_*.json"))
    assert len(found) >= 90
    return {path.name: path.read_bytes() for path in found}


def spliced(place: dict[str, Any], value: bytes) -> bytes:
    """The body with these bytes in place of the marker, unparsed."""
    return orjson.dumps(place).replace(orjson.dumps(HERE), value)


async def send_all(front: Front, bodies: Sequence[bytes]) -> None:
    """Each to a trace of its own kind; every answer is a receipt or a problem, and the log has what was taken."""
    end, taken = await front.ends(), 0
    for begin in range(0, len(bodies), TOGETHER):
        trace, some = await front.open(), bodies[begin : begin + TOGETHER]
        answers = await asyncio.gather(*[front.ingest(trace, content) for content in some])
        taken += 1 + sum(map(verdict, some, answers))
    assert await front.ends() == end + taken


async def test_documents_that_every_parser_takes_are_json_here(front: Front) -> None:
    trace = await front.open()
    called = {}
    for name, content in documents().items():
        answer = await front.ingest(trace, content)
        called[name] = ProblemAnswer.model_validate_json(answer.content).type.rpartition(":")[2]
    assert {name: slug for name, slug in called.items() if slug != "invalid-body"} == {}


@pytest.mark.parametrize("place", PLACES)
async def test_documents_in_every_place_of_a_chunk(front: Front, place: str) -> None:
    await send_all(front, [spliced(PLACES[place], content) for content in documents().values()])


@pytest.mark.parametrize("place", PLACES)
async def test_hard_values_in_every_place_of_a_chunk(front: Front, place: str) -> None:
    await send_all(front, [spliced(PLACES[place], value) for value in HARD.values()])


async def test_strings_are_stored_as_they_came(front: Front) -> None:
    texts = [value for content in documents().values() for value in _strings(json.loads(content))]
    assert len(texts) > 30
    trace = await front.open()
    answer = await front.ingest(trace, chunk(0, *[note(seq, text) for seq, text in enumerate(texts)]))
    assert answer.status_code == 201, answer.text
    assert [event["text"] for event in await stored(front, trace)] == texts


def _strings(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [text for pair in value.items() for part in pair for text in _strings(part)]
    if isinstance(value, list):
        return [text for part in value for text in _strings(part)]
    return [value] if isinstance(value, str) and value else []


async def stored(front: Front, trace: Opened) -> list[dict[str, Any]]:
    """The events of a trace as the log has them, each of which is canonical."""
    records = [record for _, _, record in await front.records(trace.trace_id)]
    events = [event for record in records if isinstance(record, EventsAppended) for event in record.events]
    parsed = [json.loads(event) for event in events]
    assert [dumps(event) for event in parsed] == events
    return parsed


@pytest.mark.parametrize("name", ["arrays", "french", "structures"])
async def test_canonical_vectors_are_stored_as_texts(front: Front, name: str) -> None:
    folder: Path = shared_data("json") / "jcs"
    texts = [(folder / part / f"{name}.json").read_text() for part in ("input", "output")]
    trace = await front.open()
    answer = await front.ingest(trace, chunk(0, *[{**RUN, "seq": n, "output": text} for n, text in enumerate(texts)]))
    assert answer.status_code == 201, answer.text
    assert [event["output"] for event in await stored(front, trace)] == texts


def naughty() -> list[str]:
    """The hostile strings but the empty one."""
    return [text for text in json.loads((shared_data("json") / "blns.json").read_text()) if text]


FIELDS: dict[str, tuple[dict[str, Any], str]] = {
    "note": (note(0), "text"),
    "hypothesis": (note(0), "hypothesis"),
    "command": (RUN, "command"),
    "output": (RUN, "output"),
    "diff": (EDIT, "diff_unified"),
    "commit message": (COMMIT, "message"),
}


@pytest.mark.parametrize("name", FIELDS)
async def test_hostile_texts_are_stored_as_they_came(front: Front, name: str) -> None:
    (event, field), texts = FIELDS[name], naughty()
    trace = await front.open()
    events = [{**event, "id": f"e{seq}", "seq": seq, field: text} for seq, text in enumerate(texts)]
    half = len(events) // 2
    for number, some in enumerate((events[:half], events[half:])):
        answer = await front.ingest(trace, chunk(number, *some))
        assert answer.status_code == 201, answer.text
    kept = [event[field] for event in await stored(front, trace)]
    changed = [now for text, now in zip(texts, kept, strict=True) if text != now]
    assert all("[REDACTED:" in text for text in changed)
    assert len(changed) <= 2


async def test_hostile_names_are_taken_or_refused(front: Front) -> None:
    texts = [orjson.dumps(text) for text in naughty()]
    for place in ("id", "chunk_id", "digest", "causes", "results", "event"):
        await send_all(front, [spliced(PLACES[place], text) for text in texts[::3]])
    members = [orjson.dumps(chunk(0, {**note(0), text: 1})) for text in naughty()[::3]]
    await send_all(front, members)
