"""Every free text that a client sends is read, and nothing else is touched."""

import json

import pytest

from ingest_gateway.redaction import Redactor

KEY = b"key of the tests"
TOKEN = "gh" + "p_16C7e42F292c6912E7710c838347Ae178B4a"


def test_every_text_of_an_event_is_read_and_nothing_else_is_touched() -> None:
    identity = {"seq": 3, "type": "test_run", "report_ref": TOKEN}
    texts = {"id": TOKEN, "caused_by": [TOKEN], "command": f"curl {TOKEN}", "output": TOKEN, "framework": TOKEN}
    results = [{"id": f"test_a[{TOKEN}]", "status": "failed", "duration_us": 5, "message": TOKEN}]
    redactor = Redactor(KEY)
    [clean] = redactor.events([{**identity, **texts, "results": results}])
    assert {name: clean[name] for name in identity} == identity
    assert TOKEN not in json.dumps([clean[name] for name in (*texts, "results")])
    assert clean["results"][0]["status"] == "failed"
    assert clean["caused_by"] == [clean["id"]]
    assert redactor.counts == {"github-token": 7}


def test_events_without_secrets_come_back_as_they_were() -> None:
    events = [{"id": "e0", "seq": 0, "type": "cmd_run", "command": "ls", "output": "a\nb"}]
    assert Redactor(KEY).events(events) == events


@pytest.mark.parametrize("odd", ["é".encode(), b"\xff\x00\xfe"])
def test_one_odd_byte_in_a_file_hides_nothing(odd: bytes) -> None:
    clean = Redactor(KEY).file(odd + b" " + TOKEN.encode() + b" " + odd)
    assert TOKEN.encode() not in clean
    assert clean.startswith(odd + b" [REDACTED:github-token:")
    assert clean.endswith(b"] " + odd)


def test_personal_data_are_hidden_where_they_are_asked_for() -> None:
    text = "jane@example.org in /home/jane"
    clean = Redactor(KEY, frozenset({"home-path"})).text(text)
    assert clean.startswith("jane@example.org in /home/[REDACTED:home-path:")
    assert Redactor(KEY).text(text) == text


def test_a_file_in_pieces_becomes_what_the_file_becomes() -> None:
    data = b"x" * 10 + b" " + TOKEN.encode() + b"\n"
    redactor = Redactor(KEY)
    stream = redactor.stream()
    assert stream.feed(data[:20]) + stream.feed(data[20:]) + stream.close() == Redactor(KEY).file(data)
    assert redactor.counts == {"github-token": 1}
