#!/usr/bin/env python3
"""Verifies a bundle of PR Telemetry without PR Telemetry: one file, no network, no dependency but `cryptography`.

    python3 prbundle_verify.py TRACE.prbundle --key KEY [--checkpoint EARLIER] [--receipt FILE --receipt-key KEY]

A KEY is a verifier key (name+id+base64), the public key alone as PEM, 64 hex digits or base64, or a file with one of
these or with the keys that a gateway publishes. A key without a name is that of the log whose name the bundle says.

It shares no code with the pipeline and follows docs/integrity.md alone. Exit status: 0 the bundle holds, 1 it does not,
2 something cannot be read. On standard output: one finding a line, `kind: detail`, then what is proven; with --json one
document {trace_id, holds, checkpoint, revision, findings, proven, not_proven}.
"""

import argparse
import base64
import hashlib
import json
import os
import re
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

FORMAT = "pr-telemetry-bundle/1"
MERGE_DELAY_S = 24 * 3600
CLOCK_SLACK_S = 600
RECEIPT = ("chunk_digest", "chunk_seq", "offset", "partition", "received_at_us", "topic", "trace_id")
SAME = ("trace_id", "project", "participant_id", "consent", "task_id", "task_title", "repo_origin", "created_at_us")

Json = dict[str, Any]
Key = tuple[str, bytes]  # its name and 32 bytes; without a name: of whichever log it is held against
Head = tuple[str, int, bytes, int | None]
Finding = tuple[str, str]
Entry = tuple[str, int, int, Json]


class Unreadable(Exception):
    """The input is not what it should be."""


def sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def spelled(digest: bytes) -> str:
    return "sha256:" + digest.hex()


def canonical(value: Any) -> bytes:
    """Canonical JSON of values without floats: sorted keys, no spaces, UTF-8."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def digest_of(value: Any) -> str:
    return spelled(sha256(canonical(value)))


def unbase64(text: str) -> bytes:
    content = base64.b64decode(text, validate=True)
    if base64.b64encode(content).decode() != text:
        raise Unreadable(f"no base64: {text[:60]}")
    return content


# --- the tree (RFC 6962, RFC 9162) ---


def leaf_hash(data: bytes) -> bytes:
    return sha256(b"\x00" + data)


def node_hash(left: bytes, right: bytes) -> bytes:
    return sha256(b"\x01" + left + right)


def included(leaf: bytes, index: int, size: int, proof: list[bytes], root: bytes) -> bool:
    if index >= size:
        return False
    node, last = index, size - 1
    for sibling in proof:
        if last == 0:
            return False
        if node % 2 or node == last:
            leaf = node_hash(sibling, leaf)
            while node % 2 == 0 and node:
                node, last = node // 2, last // 2
        else:
            leaf = node_hash(leaf, sibling)
        node, last = node // 2, last // 2
    return last == 0 and leaf == root


def consistent(old: int, new: int, old_root: bytes, new_root: bytes, proof: list[bytes]) -> bool:
    if old == new:
        return not proof and old_root == new_root
    if old == 0:
        return not proof and old_root == sha256(b"")
    if old & (old - 1) == 0:
        proof = [old_root, *proof]
    if not proof:
        return False
    node, last = old - 1, new - 1
    while node % 2:
        node, last = node // 2, last // 2
    first = second = proof[0]
    for sibling in proof[1:]:
        if last == 0:
            return False
        if node % 2 or node == last:
            first, second = node_hash(sibling, first), node_hash(sibling, second)
            while node % 2 == 0 and node:
                node, last = node // 2, last // 2
        else:
            second = node_hash(second, sibling)
        node, last = node // 2, last // 2
    return last == 0 and (first, second) == (old_root, new_root)


# --- signed notes and checkpoints (c2sp.org/signed-note, tlog-checkpoint, tlog-cosignature) ---


def read_keys(given: str) -> list[Key]:
    """The keys in the file of this name, or that the text itself spells. Raises Unreadable."""
    try:
        # Not Path.is_file: a PEM is too long for a name, and says so by an error.
        text = Path(given).read_text() if os.path.isfile(given) else given
        if text.lstrip().startswith("{"):
            return [read_published(key) for key in json.loads(text)["keys"]]
        if "-----BEGIN" in text:
            pem = load_pem_public_key(text.encode())
            if isinstance(pem, Ed25519PublicKey):
                return [("", pem.public_bytes_raw())]
        return [read_key(line.strip()) for line in text.strip().split("\n")]
    except (Unreadable, ValueError, LookupError, TypeError, AttributeError, UnsupportedAlgorithm):
        raise Unreadable(f"neither a file with Ed25519 public keys nor such a key: {given[:80]!r}") from None


def read_key(line: str) -> Key:
    if re.fullmatch(r"[0-9a-fA-F]{64}", line):
        return "", bytes.fromhex(line)
    if re.fullmatch(r"[A-Za-z0-9+/_-]{43}=?", line):  # of 32 bytes; every vkey is longer
        return "", unbase64(line.rstrip("=").replace("-", "+").replace("_", "/") + "=")
    return read_vkey(line)


def read_published(key: Json) -> Key:
    """One key as a gateway publishes it: a vkey, or a JWK."""
    if "vkey" in key:
        return read_vkey(key["vkey"])
    if (key["kty"], key["crv"]) != ("OKP", "Ed25519"):
        raise Unreadable(f"a key of another type: {key['kty']}")
    return read_key(key["x"])


def read_vkey(text: str) -> Key:
    name, key_id, material = text.strip().split("+", 2)
    content = unbase64(material)
    if content[:1] != b"\x01" or len(content) != 33 or note_key_id(name, b"\x01", content[1:]).hex() != key_id:
        raise Unreadable(f"no Ed25519 verifier key: {text}")
    return name, content[1:]


def note_key_id(name: str, kind: bytes, public_key: bytes) -> bytes:
    return sha256(name.encode() + b"\n" + kind + public_key)[:4]


def signed_by(public_key: bytes, signature: bytes, message: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, message)
    except InvalidSignature:
        return False
    return True


def open_checkpoint(note: str, keys: Sequence[Key]) -> Head | None:
    """(origin, size, root, time or None) of a checkpoint that a trusted key signed; None where none did."""
    text, _, lines = note.rpartition("\n\n")
    text += "\n"
    origin, size, root = text.split("\n")[:3]
    name: str | None = None
    time_s: int | None = None
    for line in lines.splitlines():
        dash, signer, encoded = line.split(" ")
        content = unbase64(encoded)
        for known, public_key in keys:
            if dash != "—" or (known or origin) != signer:
                continue
            if content[:4] == note_key_id(signer, b"\x01", public_key):
                if not signed_by(public_key, content[4:], text.encode()):
                    return None
                name = signer
            elif content[:4] == note_key_id(signer, b"\x04", public_key):
                at = int.from_bytes(content[4:12], "big")
                if not signed_by(public_key, content[12:], f"cosignature/v1\ntime {at}\n{text}".encode()):
                    return None
                time_s = at
    if name is None or origin != name or str(int(size)) != size:
        return None
    return origin, int(size), unbase64(root), time_s


# --- the trace ---


def chunk_digest(trace_id: str, chunk: Json) -> str:
    return digest_of(
        {
            "chunk_id": chunk["chunk_id"],
            "chunk_seq": chunk["chunk_seq"],
            "events": [spelled(sha256(event.encode())) for event in chunk["events"]],
            "prev_chunk_digest": chunk.get("prev_chunk_digest", ""),
            "trace_id": trace_id,
        }
    )


def receipt_of(bundle: Json, chunk: Json) -> Json:
    place = {"partition": bundle["partition"], "topic": "trace-log", "trace_id": bundle["trace_id"]}
    return {**place, **{name: chunk[name] for name in ("chunk_digest", "chunk_seq", "offset", "received_at_us")}}


def last_link(bundle: Json, chunks: list[Json]) -> str:
    link = sha256(bundle["genesis"].encode())
    for chunk in chunks:
        for event in chunk["events"]:
            link = sha256(link + sha256(event.encode()))
    return spelled(link)


def head_of(bundle: Json, outcome: str) -> str:
    return digest_of(
        {
            "artifacts": sorted(bundle["artifacts"]),
            "last_link": last_link(bundle, bundle["chunks"]),
            "outcome": outcome,
            "receipts": [digest_of(receipt_of(bundle, chunk)) for chunk in bundle["chunks"]],
        }
    )


def trace_findings(bundle: Json, record: Json) -> Iterator[Finding]:
    chunks, created = bundle["chunks"], json.loads(bundle["genesis"])
    if any(created.get(name) != record.get(name) for name in SAME):
        yield "record_mismatch", "the beginning of the trace is not that of its record"
    elif int(bundle["trace_id"].removeprefix("trace-")[:12], 16) != created["created_at_us"] // 1000:
        yield "back_dated", "the trace was created at another time than its id says"
    for chunk in chunks:
        if chunk_digest(bundle["trace_id"], chunk) != chunk["chunk_digest"]:
            yield "hash_mismatch", f"chunk {chunk['chunk_seq']}"
    seqs = [chunk["chunk_seq"] for chunk in chunks]
    if len(set(seqs)) != len(seqs):
        yield "fork", "two chunks have the same number"
    elif seqs != sorted(seqs):
        yield "disorder", "chunks stand in another order than they were numbered"
    if record.get("complete") and seqs != list(range(len(seqs))):
        yield "gap", "the record calls the trace complete, and chunks are missing"
    counts = (len(chunks), sum(len(chunk["events"]) for chunk in chunks))
    if counts != (record["chunk_count"], record["event_count"]):
        yield "count_mismatch", f"{counts[0]} chunks and {counts[1]} events"
    if last_link(bundle, chunks) != record["last_link"]:
        yield "broken_chain", "the events do not lead to the last link"
    if head_of(bundle, record["outcome"]) != record["head"]:
        yield "head_mismatch", "events, receipts and files do not make the head"


# --- the bundle ---


def entries_of(bundle: Json) -> tuple[list[Entry], list[Finding]]:
    """(kind, revision, index, record) of each leaf that is what it should be, and a finding for each that is not."""
    entries: list[Entry] = []
    findings: list[Finding] = []
    for part in bundle["leaves"]:
        try:
            leaf, record = json.loads(part["leaf"]), json.loads(part["record"])
            said = {name: leaf[name] for name in ("head", "kind", "revision", "trace_id")}
            told = canonical({**said, "record": spelled(sha256(part["record"].encode()))})
            whole = said["kind"] in ("assembled", "validated", "judged") and type(said["revision"]) is int
            same = all(said[name] == record[name] for name in ("head", "revision", "trace_id"))
            if said["kind"] == "assembled":
                numbers = ("chunk_count", "closed_at_us", "event_count", "last_offset")
                whole = whole and all(type(record[name]) is int for name in numbers)
                whole = whole and all(type(record[name]) is str for name in ("last_link", "outcome"))
        except (ValueError, LookupError, TypeError, AttributeError):
            whole = same = False
            told = b""
        if not whole or not same or told != part["leaf"].encode():
            findings.append(("record_mismatch", f"leaf {part['index']} is not that of its record"))
        elif said["trace_id"] != bundle["trace_id"]:
            findings.append(("other_trace", f"leaf {part['index']} is about another trace"))
        else:
            entries.append((said["kind"], said["revision"], part["index"], record))
    return entries, findings


def log_findings(
    bundle: Json, now: Head, earlier: Head | None, assembled: list[Entry], merge_delay_s: int
) -> Iterator[Finding]:
    origin, size, root, time_s = now
    for part in bundle["leaves"]:
        if not included(leaf_hash(part["leaf"].encode()), part["index"], size, hashes(part), root):
            yield "not_included", f"leaf {part['index']} is not in the tree of {size} leaves"
    for _, revision, index, record in assembled:
        closed_s = record["closed_at_us"] / 1e6
        if time_s is not None and closed_s > time_s + CLOCK_SLACK_S:
            yield "back_dated", f"revision {revision} was closed after the checkpoint that covers it"
        if earlier and earlier[3] is not None and index >= earlier[1] and closed_s + merge_delay_s < earlier[3]:
            yield "back_dated", f"revision {revision} should be under the checkpoint held, and is not"
    if not earlier:
        return
    proofs = {part["size"]: hashes(part) for part in bundle["consistency"]}
    if earlier[0] != origin:
        yield "other_log", f"{earlier[0]} and {origin}"
    elif earlier[1] > size:
        yield "stale_checkpoint", f"{size} leaves, older than the {earlier[1]} of the one held"
    elif earlier[1] not in (0, size) and earlier[1] not in proofs:
        yield "no_consistency_proof", f"from {earlier[1]} leaves"
    elif not consistent(earlier[1], size, earlier[2], root, proofs.get(earlier[1], [])):
        yield "inconsistent_checkpoint", f"the first {earlier[1]} leaves are not those seen earlier"


def hashes(part: Json) -> list[bytes]:
    return [unbase64(text) for text in part["proof"]]


def record_findings(bundle: Json, entries: list[Entry]) -> Iterator[Finding]:
    assembled = sorted((entry for entry in entries if entry[0] == "assembled"), key=lambda entry: entry[1])
    numbers = [revision for _, revision, _, _ in assembled]
    if len(set(numbers)) != len(numbers):
        yield "fork", "a revision stands in the log in two forms"
    if not numbers or sorted(set(numbers)) != list(range(1, numbers[-1] + 1)):
        yield "missing_revision", f"of the revisions 1 to {max(numbers, default=1)} some are not here"
    if not assembled:
        return
    for _, revision, _, record in assembled[:-1]:
        then = [chunk for chunk in bundle["chunks"] if chunk["offset"] <= record["last_offset"]]
        if last_link(bundle, then) != record["last_link"]:
            yield "rewritten_history", f"revision {revision} is not what the first chunks of this one make"
    yield from trace_findings(bundle, assembled[-1][3])
    heads = {(revision, record["head"]) for _, revision, _, record in assembled}
    for kind, revision, _, record in entries:
        if (revision, record["head"]) not in heads:
            yield "head_mismatch", f"a {kind} record is about another revision {revision}"
    references = {record.get("evidence_ref") for _, _, _, record in entries}
    for reference, content in bundle["evidence"].items():
        if reference not in references or sha256(content.encode()).hex() != reference.rpartition("/")[2]:
            yield "evidence_mismatch", reference


def receipt_findings(bundle: Json, receipts: Sequence[Any], receipt_keys: dict[str, bytes]) -> Iterator[Finding]:
    for receipt in receipts:
        try:
            statement = {name: receipt[name] for name in RECEIPT}
            signature, key = unbase64(receipt["signature"]), receipt_keys[receipt["key_id"]]
            holds = signed_by(key, signature, canonical(statement))
        except (LookupError, TypeError, ValueError):
            holds = False
        if not holds:
            yield "bad_receipt", "none of the receipt keys has signed it"
        elif receipt["trace_id"] != bundle["trace_id"]:
            yield "receipt_of_another_trace", receipt["trace_id"]
        elif not any(honours(bundle, chunk, statement) for chunk in bundle["chunks"]):
            yield "receipt_not_honoured", f"chunk {receipt['chunk_seq']}"


def honours(bundle: Json, chunk: Json, statement: Json) -> bool:
    said = receipt_of(bundle, chunk)
    repeat = {**said, "offset": statement["offset"], "received_at_us": statement["received_at_us"]}
    return statement == said or (statement == repeat and said["offset"] < statement["offset"])


def verify(
    bundle: Json,
    keys: Sequence[Key],
    earlier: str | None = None,
    receipts: Sequence[Any] = (),
    receipt_keys: dict[str, bytes] | None = None,
    merge_delay_s: int = MERGE_DELAY_S,
) -> list[Finding]:
    """All findings about a bundle, [(kind, detail)]; none where it holds. Raises Unreadable."""
    if not isinstance(bundle, dict) or bundle.get("format") != FORMAT:
        raise Unreadable(f"this is no {FORMAT}")
    findings: list[Finding] = []
    now, then = open_checkpoint(bundle["checkpoint"], keys), None
    if now is None:
        findings.append(("bad_checkpoint", "none of the keys has signed the bundle's checkpoint"))
    if earlier is not None:
        then = open_checkpoint(earlier, keys)
        if then is None:
            findings.append(("bad_checkpoint", "none of the keys has signed the checkpoint held"))
    entries, wrong = entries_of(bundle)
    findings += wrong
    if now is not None:
        assembled = [entry for entry in entries if entry[0] == "assembled"]
        findings += log_findings(bundle, now, then, assembled, merge_delay_s)
    findings += record_findings(bundle, entries)
    findings += receipt_findings(bundle, receipts, receipt_keys or {})
    return findings


# --- what is said ---


def proven_by(trace_id: str, head: Json, newest: Json, earlier: bool, held: bool) -> tuple[list[str], list[str]]:
    checkpoint = f"{head['origin']}, size {head['size']}, signed at {head['signed_at'] or 'no time'}"
    proven = [
        f"everything in this bundle of {trace_id} is as it was logged under the checkpoint {checkpoint}",
        f"revision {newest['revision']}, leaf {newest['leaf']}: events {newest['events']}, chunks {newest['chunks']}",
    ]
    open_still: list[str] = []
    (proven if earlier else open_still).append("this log is the one that was seen earlier")
    (proven if held else open_still).append("what the receipts held are about is in it")
    return proven, open_still


def checkpoint_of(head: Head) -> Json:
    origin, size, root, time_s = head
    at = None if time_s is None else time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time_s))
    return {"origin": origin, "size": size, "root": base64.b64encode(root).decode(), "signed_at": at}


def revision_of(bundle: Json) -> Json | None:
    """The newest revision of which the bundle has a whole leaf."""
    assembled = [entry for entry in entries_of(bundle)[0] if entry[0] == "assembled"]
    if not assembled:
        return None
    _, revision, index, record = max(assembled, key=lambda entry: entry[1])
    named = {"events": "event_count", "chunks": "chunk_count", "head": "head"}
    return {"revision": revision, "leaf": index, **{name: record[field] for name, field in named.items()}}


def report_of(bundle: Json, keys: Sequence[Key], findings: list[Finding], earlier: bool, held: bool) -> Json:
    now, newest = open_checkpoint(bundle["checkpoint"], keys), revision_of(bundle)
    head = checkpoint_of(now) if now else None
    said: tuple[list[str], list[str]] = ([], [])
    if head and newest and not findings:
        said = proven_by(bundle["trace_id"], head, newest, earlier, held)
    return {
        "trace_id": bundle["trace_id"],
        "holds": not findings,
        "checkpoint": head,
        "revision": newest,
        "findings": [{"kind": kind, "detail": detail} for kind, detail in findings],
        "proven": said[0],
        "not_proven": said[1],
    }


def lines_of(report: Json) -> Iterator[str]:
    yield from (f"{finding['kind']}: {finding['detail']}" for finding in report["findings"])
    yield from (f"proven: {text}" for text in report["proven"])
    yield from (f"NOT proven: {text}" for text in report["not_proven"])


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--key", action="append", required=True, help="the notary's public key: see above")
    parser.add_argument("--checkpoint", type=Path, help="a checkpoint that you kept, or an earlier bundle")
    parser.add_argument("--receipt", type=Path, action="append", default=[], help="receipts that you kept, JSON")
    parser.add_argument("--receipt-key", action="append", default=[], help="the gateway's public key, likewise")
    parser.add_argument("--merge-delay-s", type=int, default=MERGE_DELAY_S)
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    return parser.parse_args()


def run(given: argparse.Namespace) -> Json:
    keys = [key for text in given.key for key in read_keys(text)]
    receipt_keys = {sha256(key).hex()[:16]: key for text in given.receipt_key for _, key in read_keys(text)}
    receipts: list[Any] = []
    for path in given.receipt:
        content = json.loads(path.read_bytes())
        receipts += content if isinstance(content, list) else [content]
    earlier = given.checkpoint.read_text() if given.checkpoint else None
    if earlier is not None and earlier.lstrip().startswith("{"):
        earlier = json.loads(earlier)["checkpoint"]
    bundle = json.loads(given.bundle.read_bytes())
    findings = verify(bundle, keys, earlier, receipts, receipt_keys, given.merge_delay_s)
    return report_of(bundle, keys, findings, earlier is not None, bool(receipts))


def main() -> int:
    given = arguments()
    try:
        report = run(given)
    except (Unreadable, OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        sys.stderr.write(f"unreadable: {error if isinstance(error, Unreadable) else repr(error)}\n")
        return 2
    sys.stdout.write((json.dumps(report, indent=2) if given.json else "\n".join(lines_of(report))) + "\n")
    return 0 if report["holds"] else 1


if __name__ == "__main__":
    sys.exit(main())
