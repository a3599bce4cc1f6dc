"""Whole small worlds in memory: sessions, their records as the services write them, the Merkle log over all, bundles.

Nothing is random, so that what is made here can be kept as test vectors.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import zstandard

from ingest_gateway.receipts import Signer
from pipeline.bundle.form import Bundle, consistency_part, leaf_part, make_bundle
from pipeline.bundle.report import Trust
from pipeline.canonical import digest, dumps, loads
from pipeline.chain import chunk_digest
from pipeline.checkpoints import Checkpoint, sign_checkpoint
from pipeline.ids import new_trace_id
from pipeline.leaves import ASSEMBLED, Leaf, leaf_of
from pipeline.merkle import consistency_spans, inclusion_spans
from pipeline.notes import NoteSigner
from pipeline.objectstore import derived_key
from pipeline.tiles import Edge, Tile, prove_from, tiles_of
from schemas.records import (
    ArtifactStored,
    EventsAppended,
    Record,
    TraceCompleted,
    TraceCreated,
    TraceJudged,
    TraceValidated,
)
from streams.assembly import Trace, begin
from streams.revision import assemble
from tests.support.finished import example
from tests.support.traces import note

ORIGIN = "log.example/bundles"
NOTARY = NoteSigner(ORIGIN, bytes(31) + b"\x02")
GATEWAY = Signer(bytes(31) + b"\x01")
START_US = 1_760_000_000_000_000
SECOND_US, DAY_US = 1_000_000, 86_400_000_000
LATE_US = 600 * SECOND_US
PARTITION = 2
EVENTS = 3


@dataclass
class Session:
    """One trace: its records on trace-log with their offsets, and what the services made of it."""

    trace_id: str
    log: list[tuple[int, Record]]
    documents: list[bytes] = field(default_factory=list)
    results: list[Record] = field(default_factory=list)
    leaves: list[Leaf] = field(default_factory=list)
    evidence: dict[str, str] = field(default_factory=dict)

    def chunks(self) -> list[tuple[int, EventsAppended]]:
        """The chunks with their offsets."""
        return [(offset, record) for offset, record in self.log if isinstance(record, EventsAppended)]

    def receipts(self) -> list[dict[str, Any]]:
        """What the client was given, as it keeps it."""
        return [GATEWAY.receipt(chunk, PARTITION, offset) for offset, chunk in self.chunks()]


def session(
    number: int, chunks: int = 3, late: int = 0, at_us: int = START_US, text: str = "thought", project: str = "acme"
) -> Session:
    """The numbered session, whole: `late` chunks came after its completion, each making a revision."""
    trace_id = new_trace_id(at_us, entropy=number)
    offset = number * 100
    log: list[tuple[int, Record]] = [(offset, _created(trace_id, project, at_us))]
    log.append((offset + 1, _file(trace_id, offset, at_us)))
    sent: list[EventsAppended] = []
    for seq in range(chunks + late):
        began_us = at_us if seq < chunks else at_us + LATE_US
        sent.append(_chunk(trace_id, offset, seq, sent[-1] if sent else None, began_us, text))
        if seq < chunks:
            log.append((offset + 2 + seq, sent[-1]))
    log.append((offset + 2 + chunks, _completed(trace_id, offset, sent[:chunks], at_us)))
    log += [(offset + 3 + chunks + place, chunk) for place, chunk in enumerate(sent[chunks:])]
    return processed(Session(trace_id, log))


def processed(made: Session) -> Session:
    """The session with what the services make of its log."""
    (first, created), *rest = made.log
    assert isinstance(created, TraceCreated)
    trace = begin(created, first)
    made.documents, made.results, made.leaves, made.evidence = [], [], [], {}
    for offset, record in rest:
        if trace.apply(offset, record):
            _results(made, trace)
    return made


def _results(made: Session, trace: Trace) -> None:
    assembled, document = assemble(trace, PARTITION)
    made.documents.append(document)
    exchange = dumps({"asked": assembled.head, "told": "well done"})
    reference = derived_key("evidence", made.trace_id, digest(exchange))
    made.evidence[reference] = exchange.decode()
    about: dict[str, Any] = {
        "project": assembled.project,
        "revision": assembled.revision,
        "head": assembled.head,
    }
    validated = example(TraceValidated, made.trace_id, **about)
    judged = example(TraceJudged, made.trace_id, evidence_ref=reference, **about)
    packed = replace(assembled, document=zstandard.compress(document))
    made.results += (packed, validated, judged)
    made.leaves += [leaf_of(packed), leaf_of(validated), leaf_of(judged)]


def _created(trace_id: str, project: str, at_us: int) -> TraceCreated:
    return TraceCreated(
        trace_id=trace_id,
        project=project,
        participant_id="p-017",
        consent="research",
        consent_source="given",
        task_id="BUG-42",
        task_title="Der Rest – € und ✓",
        repo_origin="https://git.example.org/acme/calculator.git",
        environment={"os": "linux"},
        created_at_us=at_us,
        redactions={},
    )


def _file(trace_id: str, offset: int, at_us: int) -> ArtifactStored:
    return ArtifactStored(
        trace_id=trace_id,
        project="acme",
        created_offset=offset,
        name="pytest.log",
        kind="log",
        sha256=digest(b"a log"),
        size=5,
        content_type="text/plain",
        private=False,
        received_at_us=at_us + SECOND_US,
        redactions={},
    )


def _chunk(
    trace_id: str, offset: int, seq: int, before: EventsAppended | None, at_us: int, text: str
) -> EventsAppended:
    first = seq * EVENTS
    events = tuple(dumps(note(i, text=f"{text} {i} – ✓")) for i in range(first, first + EVENTS))
    previous = before.chunk_digest if before else None
    return EventsAppended(
        trace_id=trace_id,
        project="acme",
        created_offset=offset,
        chunk_id=f"chunk-{seq}",
        chunk_seq=seq,
        received_at_us=at_us + (seq + 2) * SECOND_US,
        events=events,
        chunk_digest=chunk_digest(trace_id, seq, f"chunk-{seq}", previous, events),
        body_mac=seq.to_bytes(16, "big"),
        prev_chunk_digest=previous,
        redactions={},
    )


def _completed(trace_id: str, offset: int, sent: Sequence[EventsAppended], at_us: int) -> TraceCompleted:
    return TraceCompleted(
        trace_id=trace_id,
        project="acme",
        created_offset=offset,
        completed_at_us=at_us + 60 * SECOND_US,
        event_count=sum(len(chunk.events) for chunk in sent),
        last_digest=sent[-1].chunk_digest,
    )


class World:
    """The Merkle log over sessions, in the order in which they are added."""

    def __init__(self, signer: NoteSigner = NOTARY) -> None:
        self.signer = signer
        self._edge, self._tiles, self._places = Edge(), dict[Tile, bytes](), dict[bytes, int]()

    @property
    def size(self) -> int:
        return self._edge.size

    def add(self, *sessions: Session) -> None:
        """Log all results of these sessions."""
        for made in sessions:
            for leaf in made.leaves:
                self._places.setdefault(leaf.hash, self.size)
                self._tiles.update(self._edge.append(leaf.hash))

    def checkpoint(self, time_us: int = START_US + DAY_US) -> str:
        """The checkpoint of now."""
        head = Checkpoint(self.signer.verifier.name, self.size, self._edge.range().root())
        return sign_checkpoint(head, self.signer, time_us // SECOND_US)

    def _prove(self, spans: list[tuple[int, int]]) -> list[bytes]:
        tiles = {**self._tiles, **dict(self._edge.partial())}
        return prove_from(spans, self.size, {tile: tiles[tile] for tile in tiles_of(spans, self.size)})

    def bundle(self, made: Session, held: int = 0, time_us: int = START_US + DAY_US) -> Bundle:
        """The bundle of a session under the checkpoint of now; `held`: the size of an earlier one."""
        leaves = []
        for leaf in made.leaves:
            index = self._places[leaf.hash]
            proof = self._prove(inclusion_spans(index, self.size))
            leaves.append(leaf_part(leaf.data.decode(), leaf.record.decode(), index, proof))
        consistency = [consistency_part(held, self._prove(consistency_spans(held, self.size)))] if held else []
        return make_bundle(
            loads(made.documents[-1]), leaves, self.checkpoint(time_us), consistency, evidence=made.evidence
        )


def trust(**other: Any) -> Trust:
    """A verifier who knows both public keys."""
    keys: dict[str, Any] = {"keys": (NOTARY.verifier,), "receipt_keys": {GATEWAY.key_id: GATEWAY.public_key}}
    return Trust(**{**keys, **other})


def assembled_leaves(made: Session) -> list[Leaf]:
    """The leaves of the session's revisions."""
    return [leaf for leaf in made.leaves if leaf.kind == ASSEMBLED]
