"""Every bad body becomes a problem of the right kind that points at the fault and repeats nothing of the request."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest_gateway.problems import BAD_PARAMETER, INVALID_BODY, MALFORMED_JSON, Kind, Problem
from ingest_gateway.validation import artifact_kind, artifact_name, parse, parse_chunk, pointer, sift_chunk
from schemas.api import CreateTrace

NOTE = '{"id":"e0","seq":0,"ts_client_s":1.5,"type":"rationale_note","text":"because"}'


def body(*events: str, **other: Any) -> bytes:
    """A chunk with these events, given as JSON text so that it may be wrong in any way."""
    fields = "".join(f",{json.dumps(name)}:{json.dumps(value)}" for name, value in other.items())
    return f'{{"chunk_id":"c0","chunk_seq":0,"events":[{",".join(events)}]{fields}}}'.encode()


def changed(old: str, new: str) -> bytes:
    return body(NOTE.replace(old, new))


BAD: dict[str, tuple[bytes, Kind, str]] = {
    "no JSON": (b"{", MALFORMED_JSON, ""),
    "nothing": (b"", MALFORMED_JSON, ""),
    "deep arrays": (b"[" * 100_000, MALFORMED_JSON, ""),
    "deep objects": (b'{"a":' * 100_000, MALFORMED_JSON, ""),
    "deep where unknown": (body(NOTE)[:-1] + b',"x":' + b"[" * 5000 + b"]" * 5000 + b"}", MALFORMED_JSON, ""),
    "invalid UTF-8": (changed("because", "x").replace(b'"x"', b'"\xff\xfe"'), MALFORMED_JSON, ""),
    "lone surrogate": (changed("because", "\\ud800"), MALFORMED_JSON, ""),
    "byte order mark": (b"\xef\xbb\xbf" + body(NOTE), MALFORMED_JSON, ""),
    "endless number": (changed(":0", ":" + "9" * 5000), MALFORMED_JSON, ""),
    "an array": (b"[]", INVALID_BODY, ""),
    "null": (b"null", INVALID_BODY, ""),
    "NaN": (changed("1.5", "NaN"), INVALID_BODY, "/events/0/ts_client_s"),
    "infinity": (changed("1.5", "-Infinity"), INVALID_BODY, "/events/0/ts_client_s"),
    "1e400": (changed("1.5", "1e400"), INVALID_BODY, "/events/0/ts_client_s"),
    "beyond 2**53": (changed(":0", f":{2**53}"), INVALID_BODY, "/events/0/seq"),
    "negative seq": (changed(":0", ":-1"), INVALID_BODY, "/events/0/seq"),
    "float seq": (changed(":0", ":0.5"), INVALID_BODY, "/events/0/seq"),
    "text for a number": (changed(":0", ':"0"'), INVALID_BODY, "/events/0/seq"),
    "unknown event type": (changed("rationale_note", "keystroke"), INVALID_BODY, "/events/0"),
    "no event type": (changed('"type":"rationale_note",', ""), INVALID_BODY, "/events/0"),
    "unknown field": (changed('"text"', '"mood":1,"text"'), INVALID_BODY, "/events/0/mood"),
    "pointer escapes": (changed('"text"', '"a/b~c":1,"text"'), INVALID_BODY, "/events/0/a~1b~0c"),
    "unknown field of the chunk": (body(NOTE, colour="red"), INVALID_BODY, "/colour"),
    "no events": (body(), INVALID_BODY, "/events"),
    "too many events": (body(*["1"] * 1001), INVALID_BODY, "/events"),
    "two times": (changed('"ts_client_s"', '"ts_client_us":1,"ts_client_s"'), INVALID_BODY, "/events/0"),
    "says nothing": (changed(',"text":"because"', ""), INVALID_BODY, "/events/0"),
    "bad digest": (body(NOTE, prev_chunk_digest="sha256:zz"), INVALID_BODY, "/prev_chunk_digest"),
    "seq repeats": (body(NOTE, NOTE), INVALID_BODY, "/events/1/seq"),
    "nested": (
        body(
            '{"id":"e","seq":0,"ts_client_s":1,"type":"test_run","framework":"pytest",'
            '"results":[{"id":"t","status":"green"}]}'
        ),
        INVALID_BODY,
        "/events/0/results/0/status",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_chunk_is_refused_with_a_pointer(name: str) -> None:
    content, kind, where = BAD[name]
    with pytest.raises(Problem) as refused:
        parse_chunk(content)
    assert refused.value.kind is kind
    assert refused.value.faults[0].pointer == where
    assert refused.value.faults[0].event_index == (int(where.split("/")[2]) if "/events/" in where else None)


def test_good_chunk_is_taken() -> None:
    chunk = parse_chunk(body(NOTE, NOTE.replace(":0", ":7")))
    assert [event["seq"] for event in chunk.events] == [0, 7]


def test_bad_events_are_sifted_out_with_the_first_fault_of_each() -> None:
    bad = ["7", NOTE.replace("1.5", "NaN"), NOTE.replace("rationale_note", "keystroke"), NOTE.replace(":0", ":4")]
    sifted = sift_chunk(body(NOTE.replace(":0", ":4"), *bad, NOTE.replace(":0", ":9")))
    assert [event["seq"] for event in sifted.events] == [4, 9]
    assert [(fault.event_index, fault.pointer) for fault in sifted.rejected] == [
        (1, "/events/1"),
        (2, "/events/2/ts_client_s"),
        (3, "/events/3"),
        (4, "/events/4/seq"),
    ]


def test_sifting_takes_what_parsing_takes_and_in_the_same_form() -> None:
    content = body(NOTE, NOTE.replace(":0", ":7").replace("1.5", "2"))
    assert sift_chunk(content) == parse_chunk(content)
    sifted = sift_chunk(body(NOTE, NOTE.replace(":0", ":7").replace("1.5", "2"), "{}"))
    assert sifted.events == parse_chunk(content).events


def test_where_no_event_is_good_all_faults_are_told() -> None:
    sifted = sift_chunk(body(*["{}"] * 900))
    assert (sifted.events, sifted.envelope.chunk_id, len(sifted.rejected)) == ([], "c0", 900)


@pytest.mark.parametrize("name", [name for name, (_, _, where) in BAD.items() if not where.startswith("/events/")])
def test_what_is_wrong_with_the_chunk_itself_is_never_sifted(name: str) -> None:
    content, kind, where = BAD[name]
    with pytest.raises(Problem) as refused:
        sift_chunk(content)
    assert (refused.value.kind, refused.value.faults[0].pointer) == (kind, where)


@pytest.mark.parametrize("name", [name for name, (_, _, where) in BAD.items() if where.startswith("/events/")])
def test_each_fault_of_an_event_is_found_by_sifting_too(name: str) -> None:
    content, _, where = BAD[name]
    assert [fault.pointer for fault in sift_chunk(content).rejected] == [where]


def test_of_duplicate_keys_the_last_one_counts() -> None:
    assert parse_chunk(changed('"seq":0', '"seq":5,"seq":6')).events[0]["seq"] == 6


def test_a_refusal_repeats_no_value() -> None:
    secret = "correct-horse-battery"
    for content in (changed("rationale_note", secret), changed("1.5", f'"{secret}"'), body(NOTE, chunk_seq=secret)):
        with pytest.raises(Problem) as refused:
            parse_chunk(content)
        assert secret not in json.dumps(refused.value.plain())


def test_faults_are_bounded() -> None:
    with pytest.raises(Problem) as refused:
        parse_chunk(body(*["{}"] * 900))
    assert len(refused.value.faults) == 50
    assert "900" in refused.value.detail


def test_faulty_key_is_pointed_at() -> None:
    fields = {"participant_id": "p", "task_id": "t", "task_title": "x", "repo_origin": "r"}
    content = json.dumps({**fields, "environment": {"a b": "1"}}).encode()
    with pytest.raises(Problem) as refused:
        parse(CreateTrace, content)
    assert refused.value.faults[0].pointer == "/environment/a b"


@given(st.lists(st.text(max_size=20), max_size=5))
def test_pointer_can_be_read_back(steps: list[str]) -> None:
    read = [step.replace("~1", "/").replace("~0", "~") for step in pointer(steps).split("/")[1:]]
    assert read == steps


@given(st.binary(max_size=200))
def test_any_bytes_are_a_chunk_or_a_problem(content: bytes) -> None:
    with pytest.raises(Problem):
        parse_chunk(content)


@pytest.mark.parametrize("name", ["", "/etc/passwd", "a/../b", ".", "a//b", "a\nb", "a\\b", "x" * 257])
def test_unsafe_artifact_names_are_refused(name: str) -> None:
    with pytest.raises(Problem) as refused:
        artifact_name(name)
    assert refused.value.kind is BAD_PARAMETER


def test_artifact_names_and_kinds() -> None:
    assert artifact_name("logs/run 1.txt") == "logs/run 1.txt"
    assert artifact_kind("workspace") == "workspace"
    with pytest.raises(Problem):
        artifact_kind("secret")
