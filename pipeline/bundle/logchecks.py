"""Whether the records of a bundle stand in the Merkle log, and whether that log is the one seen earlier. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.bundle.form import Bundle, Leaf
from pipeline.bundle.report import Finding, Trust
from pipeline.canonical import digest, loads
from pipeline.checkpoints import Checkpoint, Signed, open_checkpoint
from pipeline.leaves import ASSEMBLED, JUDGED, VALIDATED, leaf_data
from pipeline.merkle import leaf_hash, verify_consistency, verify_inclusion
from pipeline.notes import BadNote

TEXT, NUMBER = str, int
FIELDS: Mapping[str, Mapping[str, type]] = {
    ASSEMBLED: {
        **dict.fromkeys(("last_link", "outcome"), TEXT),
        **dict.fromkeys(("chunk_count", "closed_at_us", "event_count", "last_offset"), NUMBER),
    },
    VALIDATED: dict.fromkeys(("verdict", "run_id"), TEXT),
    JUDGED: dict.fromkeys(("judge", "run_id"), TEXT),
}
# The clocks of a gateway and a notary may differ by so much.
CLOCK_SLACK_S = 600


@dataclass(frozen=True, slots=True)
class Entry:
    """A leaf with what it says, parsed."""

    kind: str
    revision: int
    index: int
    leaf_hash: bytes
    record: Mapping[str, Any]


def entry_of(leaf: Leaf, trace_id: str) -> Entry | Finding:
    """The leaf parsed, where it says what its record says about this trace."""
    try:
        said, record = loads(leaf.leaf), loads(leaf.record)
        kind, revision, head = said["kind"], said["revision"], said["head"]
        told = leaf_data(kind, said["trace_id"], revision, head, leaf.record.encode())
    except (ValueError, LookupError, TypeError):
        return Finding("record_mismatch", f"leaf {leaf.index} and its record are not what they should be")
    if not isinstance(record, dict) or not _is_told(kind, revision, record):
        return Finding("record_mismatch", f"leaf {leaf.index} is of no known kind")
    if told != leaf.leaf.encode():
        return Finding("record_mismatch", f"leaf {leaf.index} is not that of its record ({digest(told)[:20]}...)")
    same = (record.get("trace_id"), record.get("revision"), record.get("head")) == (said["trace_id"], revision, head)
    if not same:
        return Finding("record_mismatch", f"leaf {leaf.index} and its record tell of different revisions")
    if said["trace_id"] != trace_id:
        return Finding("other_trace", f"leaf {leaf.index} is about another trace")
    return Entry(kind, revision, leaf.index, leaf_hash(leaf.leaf.encode()), record)


def _is_told(kind: Any, revision: Any, record: Mapping[str, Any]) -> bool:
    """Whether the record says what a record of this kind says."""
    fields = {**FIELDS.get(str(kind), {}), "head": TEXT} if type(revision) is NUMBER and revision > 0 else {}
    return len(fields) > 1 and all(type(record.get(name)) is wanted for name, wanted in fields.items())


def open_signed(note: str, trust: Trust, what: str, kind: str) -> Signed | Finding:
    """A checkpoint that a trusted key signed."""
    try:
        return open_checkpoint(note, trust.keys)
    except BadNote as error:
        return Finding(kind, f"{what}: {error}")


def check_inclusion(bundle: Bundle, signed: Signed) -> Iterator[Finding]:
    """Whether every leaf is in the tree of the bundle's checkpoint."""
    head = signed.checkpoint
    for leaf in bundle.leaves:
        hashed = leaf_hash(leaf.leaf.encode())
        if not verify_inclusion(hashed, leaf.index, head.size, leaf.hashes(), head.root):
            yield Finding("not_included", f"leaf {leaf.index} is not in the tree of {head.size} leaves")


def check_earlier_checkpoint(bundle: Bundle, now: Checkpoint, earlier: Checkpoint) -> Iterator[Finding]:
    """Whether the bundle's tree is what became of the tree that was seen earlier."""
    proof = next((one.hashes() for one in bundle.consistency if one.size == earlier.size), None)
    if earlier.origin != now.origin:
        yield Finding("other_log", f"the checkpoints are of {earlier.origin} and of {now.origin}")
    elif earlier.size > now.size:
        yield Finding("stale_checkpoint", f"the bundle's checkpoint ({now.size} leaves) is older than the one held")
    elif earlier.size == now.size:
        if earlier.root != now.root:
            yield Finding("inconsistent_checkpoint", f"there are two trees of {now.size} leaves")
    elif proof is None and earlier.size:
        yield Finding("no_consistency_proof", f"the bundle does not prove what became of the {earlier.size} leaves")
    elif not verify_consistency(earlier.size, now.size, earlier.root, now.root, proof or []):
        yield Finding("inconsistent_checkpoint", f"the first {earlier.size} leaves are not those seen earlier")


def check_times(entries: Sequence[Entry], now: Signed, earlier: Signed | None, trust: Trust) -> Iterator[Finding]:
    """Whether revisions were logged when they say that they were closed."""
    for entry in entries:
        closed_s = entry.record["closed_at_us"] / 1e6
        if now.time_s is not None and closed_s > now.time_s + CLOCK_SLACK_S:
            yield Finding("back_dated", f"revision {entry.revision} was closed after the checkpoint that covers it")
        if earlier is None or earlier.time_s is None or entry.index < earlier.checkpoint.size:
            continue
        if closed_s + trust.merge_delay_s < earlier.time_s:
            detail = f"revision {entry.revision} says it was closed long before the checkpoint held, which lacks it"
            yield Finding("back_dated", detail)
