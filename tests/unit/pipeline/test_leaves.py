"""Which bytes stand for a record in the Merkle log."""

from __future__ import annotations

import dataclasses
import json
from hashlib import sha256
from typing import Any

import pytest

from pipeline.errors import Invalid
from pipeline.leaves import KINDS, leaf_of
from schemas.examples import load_examples
from schemas.records import TraceAssembled, TraceJudged, TraceValidated
from tests.support.finished import example, fresh_id

EXAMPLES = load_examples()
# Written down once: a change here is a change of what all earlier leaves say.
GOLDEN = {
    "TraceAssembled": "4b6f4c4cbd1b1c33f36fca63727e245484cc4ffe68090d8bc45d55da4d0701d4",
    "TraceValidated": "b01e3d553ff7860d82a09d703c9758abe66a93d40c00a99da1f25ecb48f3b8e6",
    "TraceJudged": "7f90ae98e2922a1924a19bb14248c39d97b3d61f36a118360e28215f5dedc437",
}


@pytest.mark.parametrize("name", GOLDEN)
def test_the_leaves_of_the_examples_are_the_ones_of_old(name: str) -> None:
    assert leaf_of(EXAMPLES[name]).hash.hex() == GOLDEN[name]


def test_a_verdict_s_field_that_came_later_changes_no_leaf_of_before() -> None:
    later = ("claims_reproduced", "claims_compared", "claims_incomparable", "claims", "reproduced", "compared_with")
    defaults = {field.name: field.default for field in dataclasses.fields(TraceValidated) if field.name in later}
    today: Any = EXAMPLES["TraceValidated"]
    old = dataclasses.replace(today, **defaults)
    assert leaf_of(old).hash.hex() == "552d678a651cefb144760b05676d3033f056c568ff717090a29a0def030d4484"


def test_a_score_s_field_that_came_later_changes_no_leaf_of_before_at_any_depth() -> None:
    today = EXAMPLES["TraceJudged"]
    assert isinstance(today, TraceJudged)
    grades = tuple(dataclasses.replace(grade, quotes=(), votes=(), spread=None) for grade in today.grades)
    old = dataclasses.replace(today, grades=grades, suspicions=())
    assert leaf_of(old).hash.hex() == "de4122aaf2c302331f0cf7fdae3263655ea59bf7b9c6a3a49f6aada1c401dc83"


@pytest.mark.parametrize("name", GOLDEN)
def test_a_leaf_can_be_computed_with_nothing_but_json_and_sha256(name: str) -> None:
    record: Any = EXAMPLES[name]
    leaf = leaf_of(record)
    record_digest = "sha256:" + sha256(leaf.record).hexdigest()
    about = {"head": record.head, "kind": leaf.kind, "record": record_digest, "revision": record.revision}
    data = json.dumps({**about, "trace_id": record.trace_id}, sort_keys=True, separators=(",", ":")).encode()
    assert leaf.data == data
    assert leaf.hash == sha256(b"\x00" + data).digest()
    assert leaf.key() == f"leaves/{record.trace_id}/{leaf.hash.hex()}"


def test_a_record_is_told_whole_and_absent_is_not_null() -> None:
    judged = json.loads(leaf_of(EXAMPLES["TraceJudged"]).record)
    assert judged["grades"][1] == {
        "criterion": "efficiency",
        "weight": 150,
        "rationale": "Too short to tell.",
        "cited_seqs": [],
    }
    assert not {"reason", "model", "evidence_ref"} & judged.keys()
    assembled = json.loads(leaf_of(EXAMPLES["TraceAssembled"]).record)
    assert not {"document", "document_ref"} & assembled.keys()
    assert assembled["metrics"]["num_file_edits"] == 1
    fields = {field.name for field in dataclasses.fields(TraceAssembled)} - {"document", "document_ref"}
    assert assembled.keys() == fields


def test_where_the_document_lies_is_not_part_of_the_leaf() -> None:
    record = EXAMPLES["TraceAssembled"]
    assert isinstance(record, TraceAssembled)
    assert leaf_of(dataclasses.replace(record, document=None, document_ref="documents/a")).hash == leaf_of(record).hash


@pytest.mark.parametrize(
    "other",
    [
        {"head": "sha256:0"},
        {"revision": 2},
        {"closed_at_us": 1},
        {"intact": False},
        {"findings": ()},
        {"document_digest": "sha256:0"},
    ],
)
def test_every_field_changes_the_leaf(other: dict[str, Any]) -> None:
    record = EXAMPLES["TraceAssembled"]
    assert leaf_of(dataclasses.replace(record, **other)).hash != leaf_of(record).hash


def test_every_kind_has_its_record() -> None:
    assert set(KINDS) == {TraceAssembled, TraceValidated, TraceJudged}


@pytest.mark.parametrize("name", ["TraceCompleted", "LeafAppended"])
def test_other_records_have_no_leaf(name: str) -> None:
    with pytest.raises(Invalid, match="has no leaf"):
        leaf_of(EXAMPLES[name])


def test_metrics_that_are_no_json_are_refused() -> None:
    with pytest.raises(Invalid, match="is no JSON"):
        leaf_of(example(TraceAssembled, fresh_id(), metrics=b"{"))
