"""Verification of a bundle, without a network and without a clock: every check, and what they prove."""

from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

from pipeline import receipts
from pipeline.bundle.form import Bundle
from pipeline.bundle.logchecks import (
    Entry,
    check_earlier_checkpoint,
    check_inclusion,
    check_times,
    entry_of,
    open_signed,
)
from pipeline.bundle.report import Finding, Report, Trust
from pipeline.bundle.tracechecks import check_earlier, check_evidence, check_trace, receipt_of
from pipeline.bundle.words import proven, unproven
from pipeline.checkpoints import Signed
from pipeline.leaves import ASSEMBLED

Value = TypeVar("Value")


def verify(bundle: Bundle, trust: Trust) -> Report:
    """Everything that can be said of a bundle by somebody who trusts these keys."""
    findings: list[Finding] = []
    signed = _kept(open_signed(bundle.checkpoint, trust, "the checkpoint", "bad_checkpoint"), findings)
    earlier: Signed | None = None
    if trust.earlier is not None:
        earlier = _kept(open_signed(trust.earlier, trust, "the checkpoint held", "bad_checkpoint"), findings)
    entries = [entry for leaf in bundle.leaves if (entry := _kept(entry_of(leaf, bundle.trace_id), findings))]
    if signed is not None:
        findings += check_inclusion(bundle, signed)
        findings += check_times(_assembled(entries), signed, earlier, trust)
        if earlier is not None:
            findings += check_earlier_checkpoint(bundle, signed.checkpoint, earlier.checkpoint)
    findings += _against_records(bundle, entries)
    findings += _against_receipts(bundle, trust)
    return Report(
        bundle.trace_id,
        tuple(findings),
        () if findings or signed is None else tuple(proven(bundle, entries, signed, earlier, trust)),
        tuple(unproven(entries, earlier, trust)),
    )


def _kept(found: Value | Finding, findings: list[Finding]) -> Value | None:
    if isinstance(found, Finding):
        findings.append(found)
        return None
    return found


def _assembled(entries: Sequence[Entry]) -> list[Entry]:
    return sorted((entry for entry in entries if entry.kind == ASSEMBLED), key=lambda entry: entry.revision)


def _against_records(bundle: Bundle, entries: Sequence[Entry]) -> Iterator[Finding]:
    assembled = _assembled(entries)
    numbers = [entry.revision for entry in assembled]
    if len(set(numbers)) != len(numbers):
        yield Finding("fork", "a revision stands in the log in two forms")
    if not assembled or sorted(set(numbers)) != list(range(1, max(numbers) + 1)):
        yield Finding("missing_revision", f"of the revisions 1 to {max(numbers, default=1)} some are not here")
    if not assembled:
        return
    for entry in assembled[:-1]:
        yield from check_earlier(bundle, entry.record)
    yield from check_trace(bundle, assembled[-1].record)
    heads = {(entry.revision, entry.record["head"]) for entry in assembled}
    for entry in entries:
        if (entry.revision, entry.record["head"]) not in heads:
            yield Finding("head_mismatch", f"a {entry.kind} record is about another revision {entry.revision}")
    references = [str(entry.record["evidence_ref"]) for entry in entries if "evidence_ref" in entry.record]
    yield from check_evidence(bundle, references)


def _against_receipts(bundle: Bundle, trust: Trust) -> Iterator[Finding]:
    for receipt in trust.receipts:
        verdict = receipts.check(receipt, trust.receipt_keys)
        if not verdict.holds:
            yield Finding("bad_receipt", verdict.text.removeprefix("NOT PROVEN: "))
        elif receipt["trace_id"] != bundle.trace_id:
            yield Finding("receipt_of_another_trace", f"the receipt is about {receipt['trace_id']}")
        elif not _honoured(bundle, receipt):
            detail = f"the receipt of chunk {receipt['chunk_seq']} is about content that is not here"
            yield Finding("receipt_not_honoured", detail)


def _honoured(bundle: Bundle, receipt: dict[str, Any]) -> bool:
    """Whether the chunk of a receipt is here: the very one, or one with the same content that came before it."""
    for chunk in bundle.chunks:
        said = receipt_of(bundle, chunk)
        if all(receipt[name] == value for name, value in said.items()):
            return True
        same = (chunk.chunk_seq, chunk.chunk_digest) == (receipt["chunk_seq"], receipt["chunk_digest"])
        if same and chunk.offset < receipt["offset"] and receipt["partition"] == bundle.partition:
            return True
    return False
