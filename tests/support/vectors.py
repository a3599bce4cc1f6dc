"""The test vectors under docs/vectors/, made from fixed keys. `python -m tests.support.vectors` writes them."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pipeline.bundle.form import Bundle
from pipeline.canonical import digest_of, loads
from pipeline.chain import extend, genesis, receipt_statement, spell
from pipeline.merkle import CompactRange, consistency_spans, inclusion_spans, leaf_hash
from schemas.records import TraceCreated
from tests.support.bundles import DAY_US, GATEWAY, NOTARY, PARTITION, START_US, Session, World, session

FOLDER = Path(__file__).parents[2] / "docs" / "vectors"
DATA = [bytes(range(number)) for number in range(7)]
EARLIER_US, NOW_US = START_US + DAY_US, START_US + 2 * DAY_US


def _hex(hashes: list[bytes]) -> list[str]:
    return [one.hex() for one in hashes]


def keys() -> dict[str, Any]:
    """The two public keys."""
    return {"notary_vkey": str(NOTARY.verifier), "receipt_key_hex": GATEWAY.public_key.hex()}


def merkle() -> dict[str, Any]:
    """Roots and proofs of a small tree, hashes in hex."""
    leaves = [leaf_hash(data) for data in DATA]

    def root(low: int, high: int) -> bytes:
        tree = CompactRange()
        for leaf in leaves[low:high]:
            tree.append(leaf)
        return tree.root()

    def proof(spans: list[tuple[int, int]]) -> list[str]:
        return _hex([root(*span) for span in spans])

    sizes = range(len(DATA) + 1)
    return {
        "leaves": [{"data": data.hex(), "hash": leaf.hex()} for data, leaf in zip(DATA, leaves, strict=True)],
        "roots": [root(0, size).hex() for size in sizes],
        "inclusion": [
            {"index": index, "size": size, "proof": proof(inclusion_spans(index, size))}
            for size in sizes
            for index in range(size)
        ],
        "consistency": [
            {"old": old, "new": new, "proof": proof(consistency_spans(old, new))}
            for new in sizes
            for old in range(1, new + 1)
        ],
    }


def checkpoint() -> dict[str, Any]:
    """A signed checkpoint, and what it says."""
    world = World()
    world.add(session(1))
    note = world.checkpoint(EARLIER_US)
    root = base64.b64decode(note.split("\n")[2])
    about = {"origin": NOTARY.verifier.name, "size": world.size, "root_hex": root.hex()}
    return {"note": note, **about, "time_s": EARLIER_US // 1_000_000, "vkey": str(NOTARY.verifier)}


def trace() -> dict[str, Any]:
    """A trace's chain, chunk digests, receipts and leaves, step by step."""
    made = session(1)
    (_, created), *_ = made.log
    assert isinstance(created, TraceCreated)
    events = [event for _, chunk in made.chunks() for event in chunk.events]
    links = [genesis(created)]
    for event in events:
        links.append(extend(links[-1], [event]))
    statements = [receipt_statement(chunk, PARTITION, offset) for offset, chunk in made.chunks()]
    return {
        "genesis": loads(bundle_of(made).content())["genesis"],
        "events": [event.decode() for event in events],
        "links": [spell(link) for link in links],
        "chunk_digests": [chunk.chunk_digest for _, chunk in made.chunks()],
        "receipts": made.receipts(),
        "receipt_digests": [digest_of(statement) for statement in statements],
        "head": loads(made.leaves[0].data)["head"],
        "leaves": [
            {"data": leaf.data.decode(), "record": leaf.record.decode(), "hash": leaf.hash.hex()}
            for leaf in made.leaves
        ],
    }


def bundle_of(made: Session) -> Bundle:
    """The bundle of a session that is alone in its log."""
    world = World()
    world.add(made)
    return world.bundle(made)


def bundles() -> tuple[dict[str, str], list[dict[str, Any]]]:
    """Bundles by name, and the cases: what is held, and the kinds of findings that there must be."""
    world, made, other = World(), session(2, chunks=2, late=1), session(1, chunks=1)
    world.add(other, made)
    earlier, held = world.checkpoint(EARLIER_US), world.size
    world.add(session(3, chunks=1))
    honest = world.bundle(made, held, NOW_US).content().decode()
    forged_world, forged = World(), session(2, chunks=2, late=1, text="another thought")
    forged_world.add(other, forged, session(3, chunks=1))

    def edited(change: Callable[[dict[str, Any]], None]) -> str:
        fields = loads(honest)
        change(fields)
        return json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=False)

    texts = {
        "honest": honest,
        "edited-event": honest.replace("thought 1 ", "thought 7 "),
        "truncated": edited(lambda fields: fields["chunks"].pop()),
        "back-dated": edited(lambda fields: fields["chunks"][0].update(received_at_us=START_US)),
        "altered-verdict": honest.replace('\\"verdict\\":\\"fixed\\"', '\\"verdict\\":\\"not_fixed\\"'),
        "older-checkpoint": edited(lambda fields: fields.update(checkpoint=_before(other))),
        "rewritten": forged_world.bundle(forged, held, NOW_US).content().decode(),
    }
    receipts = made.receipts()
    cases = [
        _case("honest", []),
        _case("honest", [], earlier, receipts),
        _case("edited-event", ["broken_chain", "hash_mismatch", "head_mismatch", "rewritten_history"]),
        _case("truncated", ["broken_chain", "count_mismatch", "head_mismatch"]),
        _case("back-dated", ["head_mismatch"]),
        _case("altered-verdict", ["record_mismatch"]),
        _case("older-checkpoint", ["not_included", "stale_checkpoint"], earlier),
        _case("rewritten", []),
        _case("rewritten", ["inconsistent_checkpoint"], earlier),
        _case("rewritten", ["receipt_not_honoured"], None, receipts),
    ]
    return texts, cases


def _before(other: Session) -> str:
    world = World()
    world.add(other)
    return world.checkpoint(START_US + DAY_US // 2)


def _case(
    bundle: str, findings: list[str], checkpoint: str | None = None, receipts: list[dict[str, Any]] | None = None
) -> dict[str, Any]:
    held = {"checkpoint": checkpoint, "receipts": receipts}
    return {
        "bundle": f"{bundle}.prbundle",
        "findings": findings,
        **{name: what for name, what in held.items() if what},
    }


def files() -> dict[Path, str]:
    """Path -> text of every vector."""
    texts, cases = bundles()
    documents = {"keys": keys(), "merkle": merkle(), "checkpoint": checkpoint(), "trace": trace(), "bundles": cases}
    written = {FOLDER / f"{name}.json": json.dumps(what, indent=1) + "\n" for name, what in documents.items()}
    return written | {FOLDER / f"{name}.prbundle": text for name, text in texts.items()}


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for path, text in files().items():
        path.write_text(text)
