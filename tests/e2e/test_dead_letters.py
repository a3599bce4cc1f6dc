"""A document that is lost and found: refused by its readers, listed, put back for one of them, and seen."""

import asyncio
import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from benchmarks.stack import Stack
from pipeline.canonical import dumps
from pipeline.document import Sealed, seal
from pipeline.kafka import make_producer
from pipeline.objectstore import FolderStore
from pipeline.settings import KafkaSettings
from schemas.codec import encode
from schemas.topics import TRACE_ASSEMBLED
from tests.support.finished import document_of, finished, fresh_id

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]
READERS = {"judge", "sandbox", "sinks"}
EVENTS = 5


def _letters(stack: Stack, trace_id: str, *more: str) -> list[dict[str, Any]]:
    done = stack.cli("dlq", "list", "--json", "--key", trace_id, "--topic", TRACE_ASSEMBLED.name, *more)
    assert done.returncode == 0, done.stderr
    lines: list[dict[str, Any]] = json.loads(done.stdout)
    return lines


def _until(holds: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < deadline, what
        time.sleep(0.3)


def _count(stack: Stack, view: str, trace_id: str, condition: str = "1") -> int:
    query = f"SELECT count() AS n FROM {view} WHERE trace_id = {{id:String}} AND {condition}"
    return int(stack.clickhouse().rows(query, {"id": trace_id})[0]["n"])


async def _lose_the_document(stack: Stack, trace_id: str) -> Sealed:
    """A revision whose document is not where it says."""
    store = FolderStore(stack.home.data("objects"))
    sealed = await seal(dumps(document_of(trace_id, EVENTS)), trace_id, store, inline_limit=0)
    assert sealed.ref
    await store.delete(sealed.ref)
    refs: dict[str, Any] = {"document": None, "document_ref": sealed.ref, "document_digest": sealed.digest}
    record = finished(trace_id, EVENTS, **refs, document_size=sealed.size)
    producer = make_producer(KafkaSettings(kafka_bootstrap=stack.home.status()["addresses"]["KAFKA_BOOTSTRAP"]))
    await producer.start()
    await producer.send_and_wait(TRACE_ASSEMBLED.name, encode(record), key=trace_id.encode())
    await producer.stop()
    return sealed


async def _find_the_document(stack: Stack, trace_id: str) -> None:
    store = FolderStore(stack.home.data("objects"))
    await seal(dumps(document_of(trace_id, EVENTS)), trace_id, store, inline_limit=0)


def _redrive(stack: Stack, trace_id: str, *more: str) -> list[dict[str, Any]]:
    done = stack.cli("dlq", "redrive", "--json", "--key", trace_id, "--by", "ann", *more)
    assert done.returncode == 0, done.stderr
    lines: list[dict[str, Any]] = json.loads(done.stdout)
    return lines


def test_a_lost_document_is_refused_listed_redriven_for_one_group_and_seen(stack: Stack) -> None:
    one = fresh_id()
    asyncio.run(_lose_the_document(stack, one))
    _until(lambda: {line["group"] for line in _letters(stack, one)} == READERS, "not all of them refused it")
    (letter,) = _letters(stack, one, "--group", "sinks")
    assert (letter["error"], letter["state"]) == ("Invalid", "open")
    assert "is not in the object store" in letter["reason"]
    shown = json.loads(stack.cli("dlq", "show", letter["letter"]).stdout)
    assert (shown["record"], shown["fields"]["trace_id"]) == ("TraceAssembled", one)

    asyncio.run(_find_the_document(stack, one))
    planned = _redrive(stack, one, "--group", "sinks", "--dry-run")
    assert [(line["letter"], line["done"]) for line in planned] == [(letter["letter"], False)]
    assert _count(stack, "v1_traces", one) == 0
    (back,) = _redrive(stack, one, "--group", "sinks")
    assert back["done"]
    _until(lambda: _count(stack, "v1_events", one) == EVENTS, "the redriven revision is not seen")

    assert {line["group"] for line in _letters(stack, one)} == READERS - {"sinks"}
    assert _count(stack, "v1_judgements", one) == _count(stack, "v1_validations", one) == 0
    (again,) = _redrive(stack, one, "--group", "sinks")
    assert (again["done"], again["refused"]) == (False, "redriven before")

    _redrive(stack, one)
    _until(lambda: _count(stack, "v1_judgements", one) == 1, "the judge did not handle it")
    _until(lambda: _count(stack, "v1_dead_letters", one, "state = 'redriven'") == 3, "the view knows less")
    assert _letters(stack, one) == []
    assert len(_letters(stack, one, "--all")) == 3
    decided = "SELECT action, actor FROM v1_audit WHERE subject = {id:String} ORDER BY at"
    rows = stack.clickhouse().rows(decided, {"id": f"letter/{letter['letter']}"})
    assert [tuple(row.values()) for row in rows] == [("dlq redrive", "cli/ann"), ("dlq redriven", "cli/ann")]


def test_a_dropped_letter_is_listed_no_more_and_can_be_brought_back(stack: Stack) -> None:
    one = fresh_id()
    asyncio.run(_lose_the_document(stack, one))
    _until(lambda: len(_letters(stack, one)) == 3, "not all of them refused it")
    (letter,) = _letters(stack, one, "--group", "judge")
    done = stack.cli("dlq", "drop", letter["letter"], "--reason", "a test", "--by", "ann")
    assert (done.returncode, letter["letter"] in done.stdout) == (0, True), done.stderr
    assert {line["group"] for line in _letters(stack, one)} == READERS - {"judge"}
    _until(lambda: _count(stack, "v1_dead_letters", one, "state = 'dropped'") == 1, "the view knows less")
    (refused,) = _redrive(stack, one, "--group", "judge")
    assert refused["refused"] == "dropped before"
    (back,) = _redrive(stack, one, "--group", "judge", "--again")
    assert back["done"]
    # Its document is still lost: it comes back as a letter of its own that names the first.
    _until(lambda: len(_letters(stack, one, "--group", "judge")) == 1, "it was not refused again")
    (second,) = _letters(stack, one, "--group", "judge")
    assert second["redrive_of"] == letter["letter"]
