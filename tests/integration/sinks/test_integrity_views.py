"""The transparency log in SQL: places of leaves as the notary counts them, whatever is repeated, erased or expired."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from pipeline.clickhouse import ClickHouse
from pipeline.tiles import Edge
from schemas.records import CheckpointSigned, Finding, LeafAppended, TraceErased
from sinks.erasure import enforce
from streams.notary.ledger import Ledger
from tests.support.finished import example, example_of, finished, fresh_id
from tests.support.inserting import insert, rows_about

pytestmark = pytest.mark.integration
AT_US = 1_770_000_000_000_000


def _leaf(trace_id: str, kind: str = "assembled", revision: int = 1, form: str = "") -> LeafAppended:
    hashed = hashlib.sha256(f"{trace_id} {kind} {revision} {form}".encode()).digest()
    base = example_of(LeafAppended)
    return replace(base, trace_id=trace_id, kind=kind, revision=revision, leaf_hash=hashed, appended_at_us=AT_US)


def _checkpoint(size: int, at_us: int) -> CheckpointSigned:
    return replace(example_of(CheckpointSigned), tree_size=size, signed_at_us=at_us)


def _log(clickhouse: ClickHouse, records: Iterable[LeafAppended | CheckpointSigned], first: int = 0) -> None:
    for offset, record in enumerate(records, first):
        insert(clickhouse, record, offset, topic="integrity-log")


def _time(at_us: int) -> datetime:
    return datetime.fromtimestamp(at_us / 1e6, UTC).replace(tzinfo=None)  # as the client gives times of UTC


def test_a_revision_has_its_place_in_the_log_and_the_first_checkpoint_over_it(clickhouse: ClickHouse) -> None:
    one, two, three, unlogged = (fresh_id() for _ in range(4))
    for trace_id in (one, two, three, unlogged):
        insert(clickhouse, finished(trace_id), 1)
    _log(clickhouse, [_leaf(one), _checkpoint(1, AT_US + 1), _leaf(two), _leaf(one), _leaf(two, "validated")])
    _log(clickhouse, [_checkpoint(3, AT_US + 2), _checkpoint(3, AT_US + 3), _leaf(three)], first=5)
    _log(clickhouse, [_leaf(two, "judged"), _leaf(one)], first=8)
    rows = {row["trace_id"]: row for row in clickhouse.rows("SELECT * FROM v1_integrity")}
    places = ("logged", "forms", "leaf_index", "checkpoint_size", "verdicts_logged", "scores_logged")
    assert {trace_id: tuple(row[name] for name in places) for trace_id, row in rows.items()} == {
        one: (True, 1, 0, 1, 0, 0),
        two: (True, 1, 1, 3, 1, 1),
        three: (True, 1, 3, None, 0, 0),
        unlogged: (False, 0, None, None, 0, 0),
    }
    assert rows[two]["leaf_hash"] == f"sha256:{_leaf(two).leaf_hash.hex()}"
    assert (rows[two]["logged_at"], rows[two]["checkpoint_at"]) == (_time(AT_US), _time(AT_US + 2))
    assert (rows[unlogged]["leaf_hash"], rows[unlogged]["logged_at"], rows[unlogged]["latest"]) == ("", None, True)
    leaves = clickhouse.rows("SELECT kind, leaf_index, log_offset FROM v1_leaves ORDER BY leaf_index")
    assert [tuple(row.values()) for row in leaves] == [
        ("assembled", 0, 0), ("assembled", 1, 2), ("validated", 2, 4), ("assembled", 3, 7), ("judged", 4, 8),
    ]  # fmt: skip


def test_places_are_those_of_the_notary(clickhouse: ClickHouse) -> None:
    """Many leaves, a third of them repeats, in any order."""
    ids = [fresh_id() for _ in range(40)]
    for trace_id in ids:
        insert(clickhouse, finished(trace_id), 1)
    leaves = [_leaf(ids[at * 7 % 40]) for at in range(60)]
    _log(clickhouse, leaves)
    folded = Ledger("log", Edge()).fold(list(enumerate(leaves)), {})
    rows = clickhouse.rows("SELECT leaf_hash, leaf_index, log_offset FROM v1_leaves")
    found = {row["leaf_hash"]: (row["leaf_index"], row["log_offset"]) for row in rows}
    assert found == {f"sha256:{hashed.hex()}": (p.index, p.offset) for hashed, p in folded.places.items()}


def test_two_forms_of_a_revision_are_seen(clickhouse: ClickHouse) -> None:
    one = fresh_id()
    insert(clickhouse, finished(one), 1)
    _log(clickhouse, [_leaf(one), _leaf(one, form="other")])
    (row,) = rows_about(clickhouse, "v1_integrity", one)
    assert (row["forms"], row["leaf_index"]) == (2, 0)


def test_an_erasure_takes_the_rows_of_its_trace_and_no_place_of_others(clickhouse: ClickHouse) -> None:
    one, two = fresh_id(), fresh_id()
    for trace_id in (one, two):
        insert(clickhouse, finished(trace_id), 1)
    _log(clickhouse, [_leaf(one), _leaf(two), _checkpoint(2, AT_US)])
    insert(clickhouse, example(TraceErased, one), 9)
    assert enforce(clickhouse, [one]) == [one]
    rows = clickhouse.rows("SELECT trace_id, leaf_index, checkpoint_size FROM v1_leaves")
    assert rows == [{"trace_id": two, "leaf_index": 1, "checkpoint_size": 2}]
    assert rows_about(clickhouse, "v1_integrity", one) == []


def test_findings_have_a_row_each(clickhouse: ClickHouse) -> None:
    one = fresh_id()
    found = (
        Finding(kind="gap", detail="chunk 1 is missing", offsets=(4, 7)),
        Finding(kind="fork", detail="two", offsets=()),
    )
    insert(clickhouse, finished(one, findings=found, intact=False, complete=False), 1)
    insert(clickhouse, finished(one, revision=2, findings=()), 2)
    rows = rows_about(clickhouse, "v1_integrity_findings", one, "number")
    assert [(row["revision"], row["latest"], row["number"], row["kind"], row["offsets"]) for row in rows] == [
        (1, False, 1, "gap", [4, 7]),
        (1, False, 2, "fork", []),
    ]
    revisions = rows_about(clickhouse, "v1_integrity", one, "revision")
    assert [(row["latest"], row["intact"], row["findings"], row["finding_kinds"]) for row in revisions] == [
        (False, False, 2, ["gap", "fork"]),
        (True, True, 0, []),
    ]


def test_checkpoints_are_shown_as_they_were_signed(clickhouse: ClickHouse) -> None:
    signed = example_of(CheckpointSigned)
    _log(clickhouse, [signed, signed])
    rows = clickhouse.rows("SELECT * FROM v1_checkpoints ORDER BY log_offset")
    assert [(row["tree_size"], row["root"], row["note"], row["log_offset"]) for row in rows] == [
        (1, f"sha256:{signed.root_hash.hex()}", signed.note, offset) for offset in (0, 1)
    ]
