"""What a verified bundle proves, what it does not, and against whom it protects, in plain words. Pure."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from pipeline.bundle.form import Bundle
from pipeline.bundle.logchecks import Entry
from pipeline.bundle.report import Trust
from pipeline.checkpoints import Signed
from pipeline.leaves import ASSEMBLED, JUDGED, VALIDATED


def proven(
    bundle: Bundle, entries: Sequence[Entry], signed: Signed, earlier: Signed | None, trust: Trust
) -> Iterator[str]:
    """What is proven to somebody who trusts these keys; only for a bundle without findings."""
    head, latest = signed.checkpoint, max((e for e in entries if e.kind == ASSEMBLED), key=lambda e: e.revision)
    at = "" if signed.time_s is None else f", signed at {datetime.fromtimestamp(signed.time_s, UTC).isoformat()}"
    counts = f"{_many(latest.record['event_count'], 'event')} in {_many(latest.record['chunk_count'], 'chunk')}"
    yield (
        f"Revision {latest.revision} of {bundle.trace_id}, with {counts}, is in the log {head.origin} at leaf"
        f" {latest.index} of {head.size}{at}. Every event, its place, its server time and every stored file's digest is"
        " as it was then."
    )
    for entry in entries:
        record, leaf = entry.record, f"leaf {entry.index}"
        if entry.kind == VALIDATED:
            yield f"The tests of revision {entry.revision} gave {record['verdict']!r}, run {record['run_id']} ({leaf})."
        if entry.kind == JUDGED:
            yield f"Revision {entry.revision} was graded by {record['judge']}, run {record['run_id']} ({leaf})."
    if earlier is not None and earlier.checkpoint.size <= head.size:
        before = "before" if latest.index < earlier.checkpoint.size else "after"
        yield (
            f"The log still begins with the {_many(earlier.checkpoint.size, 'leaf', 'leaves')} of the checkpoint held;"
            " this revision was"
            f" logged {before} it."
        )
    if trust.receipts:
        yield f"Receipts held and honoured: {len(trust.receipts)}. Their chunks are here, unchanged."
    yield (
        "Against: whoever can write the topics, the object store and ClickHouse, but has not the notary's key; they"
        " cannot change what was logged without being seen by who holds an earlier checkpoint or a receipt."
    )


def _many(count: int, one: str, many: str = "") -> str:
    return f"{count} {one if count == 1 else many or f'{one}s'}"


def unproven(entries: Sequence[Entry], earlier: Signed | None, trust: Trust) -> Iterator[str]:
    """What is not proven, whatever the outcome of the checks."""
    kinds = {entry.kind for entry in entries}
    if earlier is None:
        yield (
            "That this log is the one that others see: no earlier checkpoint was given. Who holds the notary's key, or"
            " had it sign a log made anew, could show a different one."
        )
    if not trust.receipts:
        yield "That nothing the client sent was left out before the log: no receipt was given."
    if VALIDATED not in kinds:
        yield "A verdict of the tests: the bundle has none."
    if JUDGED not in kinds:
        yield "A grading: the bundle has none."
    yield "That what the client told is true, and that there are no other verdicts or gradings of it in the log."
