"""The corpus of attacks on bundles: by somebody who can write every store but has no signing key, against a verifier
who holds an earlier receipt or checkpoint. Every one is found, under its right name; 1,000 clean traces raise no alarm.

Two attackers are tried. One can only alter what was signed. The other has the stores rewritten and a notary sign the
new log as if it were the first: that one is seen by who holds a checkpoint or a receipt of before.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest

from clients.verifier import prbundle_verify
from pipeline.bundle.form import Bundle, read_bundle
from pipeline.bundle.report import Trust
from pipeline.bundle.verify import verify
from pipeline.canonical import digest, dumps, loads
from pipeline.chain import chunk_digest
from pipeline.leaves import leaf_of
from pipeline.notes import NoteSigner
from schemas.records import EventsAppended, Record, TraceAssembled, TraceCompleted, TraceCreated
from tests.support.bundles import DAY_US, NOTARY, ORIGIN, START_US, Session, World, processed, session, trust

VICTIM, OTHERS = 7, (1, 2, 3)
LATER_US = START_US + 10 * DAY_US


@dataclasses.dataclass
class Case:
    """An honest log, what the verifier kept of it, and the bundle that it would get."""

    world: World
    victim: Session
    earlier: str
    held: int
    bundle: Bundle

    def trust(self, **other: Any) -> Trust:
        return trust(earlier=self.earlier, receipts=tuple(self.victim.receipts()), **other)

    def kinds(self, bundle: Bundle, **other: Any) -> set[str]:
        return kinds_of(bundle, self.trust(**other))


def kinds_of(bundle: Bundle, verifier: Trust) -> set[str]:
    """The kinds of all findings. The stand-alone verifier, which shares no code with ours, must say the same."""
    kinds = {finding.kind for finding in verify(bundle, verifier).findings}
    keys = [(key.name, key.public_key) for key in verifier.keys]
    found = prbundle_verify.verify(
        loads(bundle.content()), keys, verifier.earlier, verifier.receipts, dict(verifier.receipt_keys)
    )
    assert {kind for kind, _ in found} == kinds
    return kinds


def case(late: int = 0) -> Case:
    world, victim = World(), session(VICTIM, late=late)
    world.add(*map(session, OTHERS), victim)
    earlier, held = world.checkpoint(START_US + 3 * DAY_US), world.size
    world.add(session(8), session(9))
    return Case(world, victim, earlier, held, world.bundle(victim, held, LATER_US))


def with_chunks(bundle: Bundle, change: Callable[[list[dict[str, Any]]], None]) -> Bundle:
    """The bundle with its chunks edited, and nothing else."""
    fields = loads(bundle.content())
    change(fields["chunks"])
    return read_bundle(dumps(fields))


def with_fields(bundle: Bundle, **fields: Any) -> Bundle:
    return read_bundle(dumps({**loads(bundle.content()), **fields}))


def reseal(chunk: dict[str, Any], trace_id: str) -> None:
    """Give a chunk the digest of what it says now."""
    events = [event.encode() for event in chunk["events"]]
    chunk["chunk_digest"] = chunk_digest(
        trace_id, chunk["chunk_seq"], chunk["chunk_id"], chunk.get("prev_chunk_digest"), events
    )


def test_the_honest_bundle_holds_with_and_without_late_chunks() -> None:
    for late in (0, 1, 2):
        honest = case(late)
        report = verify(honest.bundle, honest.trust())
        assert report.findings == ()
        assert any("before it" in line for line in report.proven)


def edit_event(chunks: list[dict[str, Any]]) -> None:
    chunks[1]["events"][0] = chunks[1]["events"][0].replace("thought 3", "thought 9")


def drop_event(chunks: list[dict[str, Any]]) -> None:
    del chunks[1]["events"][1]


def drop_chunk(chunks: list[dict[str, Any]]) -> None:
    del chunks[1]


def reorder_events(chunks: list[dict[str, Any]]) -> None:
    chunks[0]["events"].reverse()


def reorder_chunks(chunks: list[dict[str, Any]]) -> None:
    chunks.reverse()


def truncate_tail(chunks: list[dict[str, Any]]) -> None:
    chunks.pop()


def fork(chunks: list[dict[str, Any]]) -> None:
    chunks.insert(1, {**chunks[1], "offset": chunks[1]["offset"] + 50})


def back_date(chunks: list[dict[str, Any]]) -> None:
    chunks[0]["received_at_us"] -= DAY_US


def move(chunks: list[dict[str, Any]]) -> None:
    chunks[0]["offset"] += 1


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (edit_event, {"hash_mismatch", "broken_chain", "head_mismatch"}),
        (drop_event, {"hash_mismatch", "broken_chain", "head_mismatch", "count_mismatch"}),
        (drop_chunk, {"gap", "count_mismatch", "broken_chain", "head_mismatch", "receipt_not_honoured"}),
        (reorder_events, {"hash_mismatch", "broken_chain", "head_mismatch"}),
        (reorder_chunks, {"disorder", "gap", "broken_chain", "head_mismatch"}),
        (truncate_tail, {"count_mismatch", "broken_chain", "head_mismatch", "receipt_not_honoured"}),
        (fork, {"fork", "gap", "count_mismatch", "broken_chain", "head_mismatch"}),
        (back_date, {"head_mismatch", "receipt_not_honoured"}),
        (move, {"head_mismatch", "receipt_not_honoured"}),
    ],
)
def test_altered_chunks_are_found_by_name(change: Callable[[list[dict[str, Any]]], None], expected: set[str]) -> None:
    honest = case()
    assert honest.kinds(with_chunks(honest.bundle, change)) == expected
    without = kinds_of(with_chunks(honest.bundle, change), trust())
    assert without == expected - {"receipt_not_honoured"}


@pytest.mark.parametrize("change", [edit_event, drop_event, reorder_events])
def test_a_chunk_that_was_sealed_anew_breaks_chain_and_receipt(
    change: Callable[[list[dict[str, Any]]], None],
) -> None:
    honest = case()

    def sealed(chunks: list[dict[str, Any]]) -> None:
        change(chunks)
        for chunk in chunks:
            reseal(chunk, honest.victim.trace_id)

    kinds = honest.kinds(with_chunks(honest.bundle, sealed))
    assert {"broken_chain", "head_mismatch", "receipt_not_honoured"} <= kinds
    assert "hash_mismatch" not in kinds


def rewritten(made: Session, **other: Any) -> Session:
    """The same trace with other content and a fresh valid chain, as if it had been sent so."""
    again = session(VICTIM, text="quite another thought", **other)
    assert again.trace_id == made.trace_id
    return again


def truncated(made: Session) -> Session:
    """The same trace without its last chunk, and without the client's count of it."""
    kept = [(at, r) for at, r in made.log if not (isinstance(r, EventsAppended) and r.chunk_seq == 2)]
    claims_nothing: dict[str, Any] = {"event_count": None, "last_digest": None}
    log = [(at, dataclasses.replace(r, **claims_nothing) if isinstance(r, TraceCompleted) else r) for at, r in kept]
    return processed(Session(made.trace_id, log))


def back_dated(made: Session) -> Session:
    """The same content, sent a day earlier than it was."""
    moved: list[tuple[int, Record]] = [
        (at, dataclasses.replace(r, received_at_us=r.received_at_us - DAY_US))
        if isinstance(r, EventsAppended)
        else (at, r)
        for at, r in made.log
    ]
    return processed(Session(made.trace_id, moved))


@pytest.mark.parametrize("forge", [rewritten, truncated, back_dated])
def test_a_trace_that_was_logged_again_in_another_form_is_found(forge: Callable[[Session], Session]) -> None:
    """The stores are rewritten, the notary goes on and logs the forgery, too: what was logged before stays logged."""
    honest = case()
    forged = forge(honest.victim)
    honest.world.add(forged)
    bundle = honest.world.bundle(forged, honest.held, LATER_US)
    by_checkpoint = kinds_of(bundle, trust(earlier=honest.earlier))
    by_receipt = kinds_of(bundle, trust(receipts=tuple(honest.victim.receipts())))
    assert by_checkpoint == {"back_dated"}
    assert by_receipt == {"receipt_not_honoured"}


@pytest.mark.parametrize("forge", [rewritten, truncated, back_dated])
def test_a_log_that_was_made_anew_with_a_forged_trace_in_its_place_is_found(
    forge: Callable[[Session], Session],
) -> None:
    """Even where the attacker had the notary sign the new log from its beginning."""
    honest, world = case(), World()
    forged = forge(honest.victim)
    world.add(*map(session, OTHERS), forged)
    world.add(session(8), session(9))
    bundle = world.bundle(forged, honest.held, LATER_US)
    by_checkpoint = kinds_of(bundle, trust(earlier=honest.earlier))
    by_receipt = kinds_of(bundle, trust(receipts=tuple(honest.victim.receipts())))
    assert by_checkpoint == {"inconsistent_checkpoint"}
    assert by_receipt == {"receipt_not_honoured"}


def test_a_rewritten_trace_that_poses_as_an_amendment_is_found() -> None:
    """Revision 1 stays as it was logged; revision 2 claims late chunks, and has another past."""
    honest = case()
    forged = rewritten(honest.victim, late=1)
    forged.evidence = {}
    forged.leaves = [*honest.victim.leaves, *[leaf for leaf in forged.leaves if leaf.revision == 2]]
    honest.world.add(forged)
    bundle = honest.world.bundle(forged, honest.held, LATER_US)
    assert kinds_of(bundle, trust()) == {"rewritten_history"}


def test_an_amendment_without_its_first_revision_is_found() -> None:
    honest = case(late=1)
    fields = loads(honest.bundle.content())
    fields["leaves"] = [part for part in fields["leaves"] if loads(part["leaf"])["revision"] == 2]
    assert "missing_revision" in honest.kinds(read_bundle(dumps(fields)))


def test_two_forms_of_one_revision_are_a_fork() -> None:
    honest = case()
    forged = rewritten(honest.victim)
    honest.world.add(forged)
    both = dataclasses.replace(forged, leaves=[*honest.victim.leaves, *forged.leaves])
    assert "fork" in honest.kinds(honest.world.bundle(both, honest.held, LATER_US))


def test_a_trace_that_was_deleted_from_the_log_is_missed() -> None:
    """No bundle of it can be made; what can be shown instead is another trace's, or the same under a log without it."""
    honest, world = case(), World()
    others = [session(number) for number in OTHERS]
    world.add(*others, session(8), session(9))
    bundle = world.bundle(others[0], honest.held, LATER_US)
    assert honest.kinds(bundle) == {"inconsistent_checkpoint", "receipt_of_another_trace"}
    alien = read_bundle(dumps({**loads(honest.bundle.content()), "checkpoint": world.checkpoint(LATER_US)}))
    assert {"not_included", "inconsistent_checkpoint"} <= honest.kinds(alien)


def test_a_receipt_that_was_replaced_is_found() -> None:
    honest = case()
    receipt, other = honest.victim.receipts()[0], session(8).receipts()[0]
    for altered, kind in (
        ({**receipt, "offset": receipt["offset"] + 1}, "bad_receipt"),
        ({**receipt, "chunk_digest": digest(b"x")}, "bad_receipt"),
        ({**receipt, "signature": other["signature"]}, "bad_receipt"),
        (other, "receipt_of_another_trace"),
        ([], "bad_receipt"),
    ):
        assert kinds_of(honest.bundle, trust(receipts=(altered,))) == {kind}


def test_a_checkpoint_that_was_swapped_is_found() -> None:
    honest = case()
    young, forged = World(), World(NoteSigner(ORIGIN, b"\x08" * 32))
    young.add(*map(session, OTHERS))
    forged.add(*map(session, OTHERS), honest.victim, session(8), session(9))
    assert {"not_included", "stale_checkpoint"} <= honest.kinds(
        with_fields(honest.bundle, checkpoint=young.checkpoint())
    )
    assert honest.kinds(with_fields(honest.bundle, checkpoint=forged.checkpoint())) == {"bad_checkpoint"}
    text = honest.bundle.checkpoint.replace(f"\n{honest.world.size}\n", f"\n{honest.world.size + 1}\n")
    assert honest.kinds(with_fields(honest.bundle, checkpoint=text)) == {"bad_checkpoint"}
    other_log = World(NoteSigner("log.example/other", b"\x08" * 32))
    other_log.add(*map(session, OTHERS), honest.victim)
    keys = (NOTARY.verifier, other_log.signer.verifier)
    bundle = with_fields(honest.bundle, checkpoint=other_log.checkpoint())
    assert "other_log" in kinds_of(bundle, trust(keys=keys, earlier=honest.earlier))


def test_a_forked_log_of_the_same_size_is_found() -> None:
    honest, world = case(), World()
    world.add(*map(session, OTHERS), rewritten(honest.victim))
    bundle = with_fields(honest.bundle, checkpoint=world.checkpoint(START_US + 3 * DAY_US))
    assert "inconsistent_checkpoint" in honest.kinds(bundle)


def test_without_its_proof_of_consistency_a_bundle_does_not_hold() -> None:
    honest = case()
    assert honest.kinds(with_fields(honest.bundle, consistency=[])) == {"no_consistency_proof"}
    fields = loads(honest.bundle.content())
    fields["consistency"][0]["proof"].pop()
    assert honest.kinds(read_bundle(dumps(fields))) == {"inconsistent_checkpoint"}


def test_a_later_beginning_than_the_id_tells_is_found() -> None:
    honest = case()
    (offset, created), *rest = honest.victim.log
    assert isinstance(created, TraceCreated)
    moved = dataclasses.replace(created, created_at_us=START_US + 9 * DAY_US)
    forged = processed(Session(honest.victim.trace_id, [(offset, moved), *rest]))
    honest.world.add(forged)
    assert "back_dated" in kinds_of(honest.world.bundle(forged, time_us=LATER_US), trust())


def test_a_revision_closed_after_its_checkpoint_is_found() -> None:
    world, made = World(), session(VICTIM)
    world.add(made)
    early = world.bundle(made, time_us=START_US - DAY_US)
    assert kinds_of(early, trust()) == {"back_dated"}


def _edited(part: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {**part, "record": dumps({**loads(part["record"]), **fields}).decode()}


@pytest.mark.parametrize(
    ("place", "fields"),
    [(0, {"intact": False}), (0, {"metrics": {}}), (1, {"verdict": "not_fixed"}), (2, {"overall_milli": 5000})],
)
def test_an_altered_record_is_found(place: int, fields: dict[str, Any]) -> None:
    honest = case()
    leaves = loads(honest.bundle.content())["leaves"]
    leaves[place] = _edited(leaves[place], **fields)
    assert "record_mismatch" in honest.kinds(with_fields(honest.bundle, leaves=leaves))


def test_an_altered_record_with_a_leaf_of_its_own_is_not_in_the_log() -> None:
    honest = case()
    leaves = loads(honest.bundle.content())["leaves"]
    assembled = honest.victim.results[0]
    assert isinstance(assembled, TraceAssembled)
    forged = leaf_of(dataclasses.replace(assembled, participant_id="somebody else"))
    leaves[0] |= {"leaf": forged.data.decode(), "record": forged.record.decode()}
    assert {"not_included", "record_mismatch"} <= honest.kinds(with_fields(honest.bundle, leaves=leaves))


@pytest.mark.parametrize(
    ("record", "leaf"),
    [("{", "{}"), ("[]", "[]"), ("{}", "{}"), ('{"head":1}', '{"head":1,"kind":"judged","revision":1,"trace_id":"t"}')],
)
def test_leaves_that_are_nonsense_are_findings_and_never_errors(record: str, leaf: str) -> None:
    honest = case()
    leaves = loads(honest.bundle.content())["leaves"]
    leaves[0] |= {"leaf": leaf, "record": record}
    assert "record_mismatch" in honest.kinds(with_fields(honest.bundle, leaves=leaves))
    assert "missing_revision" in honest.kinds(with_fields(honest.bundle, leaves=[]))


def test_altered_evidence_and_evidence_of_nothing_are_found() -> None:
    honest = case()
    ((reference, content),) = honest.bundle.evidence.items()
    for evidence in ({reference: content + " "}, {"evidence/x": content}):
        assert honest.kinds(with_fields(honest.bundle, evidence=evidence)) == {"evidence_mismatch"}


def test_files_that_were_swapped_are_found() -> None:
    honest = case()
    artifacts = [["pytest.log", digest(b"another log"), honest.bundle.artifacts[0][2]]]
    assert honest.kinds(with_fields(honest.bundle, artifacts=artifacts)) == {"head_mismatch"}


def test_a_verdict_of_another_trace_is_found() -> None:
    honest = case()
    other = loads(honest.world.bundle(session(8)).content())["leaves"][1]
    leaves = loads(honest.bundle.content())["leaves"]
    assert "other_trace" in honest.kinds(with_fields(honest.bundle, leaves=[leaves[0], other]))


def test_a_repeat_of_a_chunk_honours_the_receipt_of_either_copy() -> None:
    victim = session(VICTIM)
    offset, first = victim.chunks()[0]
    *log, last = victim.log
    again = processed(Session(victim.trace_id, [*log, (offset + 40, first), (offset + 41, last[1])]))
    world = World()
    world.add(again)
    assert kinds_of(world.bundle(again), trust(receipts=tuple(again.receipts()))) == set()
    assert len(again.receipts()) == 4


@pytest.mark.timeout(300)
def test_a_thousand_clean_traces_raise_no_alarm() -> None:
    world = World()
    sessions = [session(number, chunks=1 + number % 4, late=number % 3 // 2) for number in range(1, 501)]
    world.add(*sessions)
    earlier, held = world.checkpoint(START_US + 3 * DAY_US), world.size
    # The other half is finished after the checkpoint that the verifier holds.
    later = [session(n, chunks=1 + n % 4, late=n % 3 // 2, at_us=START_US + 5 * DAY_US) for n in range(501, 1_001)]
    world.add(*later)
    alarms = [
        kind
        for made in (*sessions, *later)
        for kind in kinds_of(
            world.bundle(made, held, LATER_US), trust(earlier=earlier, receipts=tuple(made.receipts()))
        )
    ]
    assert alarms == []
