"""The document and the revision: canonical, complete, reproducible."""

from __future__ import annotations

import dataclasses
from hashlib import sha256

from hypothesis import given
from hypothesis import strategies as st

from pipeline.canonical import dumps, loads
from pipeline.chain import extend, genesis, genesis_fields, head, receipt_statement, spell
from schemas.codec import encode
from schemas.records import ArtifactStored, EventsAppended, Record
from streams.assembly import Trace, begin
from streams.integrity import verify
from streams.revision import assemble, build_document
from tests.support.traces import START_US, chain, chunk, completed, created, note, trace_id

PARTITION = 2
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
documents = st.dictionaries(
    st.text("abcxyz_", min_size=1), st.recursive(texts | st.integers(-(2**53), 2**53), st.lists, max_leaves=5)
)


def finished(*chunks: EventsAppended, **about: object) -> Trace:
    """A completed trace of these chunks."""
    trace = begin(created(**about), 10)  # type: ignore[arg-type]
    records: tuple[Record, ...] = (*chunks, completed(chunks))
    for offset, record in enumerate(records, start=11):
        trace.apply(offset, record)
    return trace


@given(st.lists(documents, min_size=1, max_size=5), texts, st.dictionaries(texts, texts, max_size=3))
def test_the_spliced_document_is_canonical(
    extras: list[dict[str, object]], title: str, environment: dict[str, str]
) -> None:
    events = [{**extra, **note(seq)} for seq, extra in enumerate(extras)]
    trace = finished(chunk(0, events), task_title=title, environment=environment)
    document = build_document(trace, PARTITION, verify(trace).chunks)
    assert document == dumps(loads(document))
    assert loads(document)["events"] == events


def test_the_document_says_everything_of_the_trace() -> None:
    log = ArtifactStored(
        trace_id=trace_id(1),
        project="default",
        created_offset=10,
        name="log.txt",
        kind="log",
        sha256="sha256:" + "a" * 64,
        size=5,
        content_type="text/plain",
        private=False,
        received_at_us=START_US,
        redactions={"token": 1},
    )
    trace = begin(created(task_description="long", start_commit="abcdef1", redactions={"token": 2}), 10)
    only = chunk(0, [note(0)], redactions={"key": 1})
    records: tuple[Record, ...] = (log, only, only, completed())
    for offset, record in enumerate(records, start=11):
        trace.apply(offset, record)
    revision, document = assemble(trace, PARTITION)
    assert loads(document) == {
        "artifacts": {
            "log.txt": {
                "content_type": "text/plain",
                "kind": "log",
                "private": False,
                "sha256": log.sha256,
                "size": 5,
                "uri": f"artifact:{log.sha256}",
            }
        },
        "chunks": [
            {
                "chunk_digest": only.chunk_digest,
                "chunk_id": "chunk-0",
                "chunk_seq": 0,
                "event_count": 1,
                "offset": 12,
                "received_at_us": only.received_at_us,
            }
        ],
        "environment": {"os": "linux"},
        "events": [note(0)],
        "genesis": genesis_fields(trace.created),
        "log": {"artifacts": [["log.txt", log.sha256, START_US]], "partition": PARTITION},
        "repo": {"origin": "https://example.org/pager.git", "start_commit": "abcdef1"},
        "revision": 1,
        "session": {"consent": "research", "participant_id": "participant-1"},
        "task": {"description": "long", "id": "task-1", "title": "An off-by-one in the pager"},
        "trace_id": trace_id(1),
        "trace_version": "1.0",
    }
    assert revision.redactions == {"key": 1, "token": 3}
    assert (revision.first_offset, revision.last_offset, revision.chunk_count) == (10, 14, 1)


def test_the_last_link_runs_over_the_stored_bytes_from_the_beginning() -> None:
    sent = chain(2)
    revision, _ = assemble(finished(*reversed(sent)), PARTITION)
    events = [event for record in sent for event in record.events]
    assert revision.last_link == spell(extend(genesis(created()), events))


def test_chain_and_head_can_be_computed_again_from_the_document() -> None:
    sent = chain(2)
    revision, document = assemble(finished(*sent), PARTITION)
    told = loads(document)
    link = extend(sha256(dumps(told["genesis"])).digest(), map(dumps, told["events"]))
    receipts = [receipt_statement(record, told["log"]["partition"], offset) for offset, record in enumerate(sent, 11)]
    assert [entry.get("prev_chunk_digest") for entry in told["chunks"]] == [None, sent[0].chunk_digest]
    assert revision.head == head(link, receipts, (), revision.outcome)


def test_the_head_commits_to_every_receipt() -> None:
    sent = chain(2)
    head = assemble(finished(*sent), PARTITION)[0].head
    later = dataclasses.replace(sent[1], received_at_us=sent[1].received_at_us + 1)
    assert assemble(finished(sent[0], later), PARTITION)[0].head != head
    assert assemble(finished(*sent), PARTITION + 1)[0].head != head


def test_the_same_records_give_the_same_bytes() -> None:
    first, second = (encode(assemble(finished(*chain(3)), PARTITION)[0]) for _ in range(2))
    assert first == second


def test_bytes_that_are_no_event_stay_out_of_the_document() -> None:
    broken = dataclasses.replace(chunk(0), events=(b"{", *chunk(0).events[1:]))
    revision, document = assemble(finished(broken), PARTITION)
    assert [event["seq"] for event in loads(document)["events"]] == [1, 2]
    assert (revision.intact, revision.event_count) == (False, 3)
