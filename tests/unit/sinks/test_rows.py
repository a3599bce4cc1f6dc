"""Records become rows: each example, whole; what must not be seen is not there."""

from dataclasses import fields, replace
from typing import Any

import pytest

from pipeline.canonical import loads
from pipeline.errors import Invalid
from pipeline.ids import minted_at_us
from schemas.records import (
    ApiKeyRecorded,
    ArtifactStored,
    AssemblyProgress,
    EventsAppended,
    Finding,
    LeafAppended,
    RunManifest,
    RunPromoted,
    RunStateChanged,
    TokenRevoked,
    TraceAssembled,
    TraceCompleted,
    TraceCreated,
    TraceExpired,
    TraceJudged,
    TraceValidated,
)
from sinks.rows import ROWS, Position, rows_of
from sinks.worker import READ
from tests.support.finished import EXAMPLES, example, example_document, example_of, fresh_id

AT = Position("topic", 3, 17)


def test_every_record_of_a_topic_that_is_read_has_a_mapping() -> None:
    assert {kind.__name__ for kind in ROWS} == {name for topic in READ for name in topic.records}


@pytest.mark.parametrize("name", [kind.__name__ for kind in ROWS])
def test_an_example_gives_the_same_rows_twice_and_each_says_where_it_came_from(name: str) -> None:
    record: Any = EXAMPLES[name]
    rows = rows_of(record, AT, example_document())
    assert rows == rows_of(record, AT, example_document())
    for row in (row for table in rows.values() for row in table):
        assert row.get("project") == getattr(record, "project", None)
        assert row.get("trace_id") == getattr(record, "trace_id", None)
        if "trace_id" in row:
            assert row["minted_at"] == minted_at_us(record.trace_id) // 1000
        assert (row["source_topic"], row["source_partition"], row["source_offset"]) == ("topic", 3, 17)


@pytest.mark.parametrize("kind", [TraceAssembled, TraceValidated, TraceJudged])
def test_every_scalar_field_of_a_result_reaches_its_row(kind: type[Any]) -> None:
    record = EXAMPLES[kind.__name__]
    row = next(iter(list(rows_of(record, AT, example_document()).values())[-1]))
    values = {field.name.replace("_at_us", "_at"): getattr(record, field.name) for field in fields(kind)}
    scalars = {name: value for name, value in values.items() if isinstance(value, (str, int))}
    assert scalars == {name: row[name] for name in scalars}


@pytest.mark.parametrize(
    ("kind", "stage", "field"),
    [
        (TraceCreated, "received", "created_at_us"),
        (TraceCompleted, "completed", "completed_at_us"),
        (TraceExpired, "expired", "expired_at_us"),
    ],
)
def test_a_lifecycle_record_is_one_fact(kind: type[Any], stage: str, field: str) -> None:
    record: Any = EXAMPLES[kind.__name__]
    (row,) = rows_of(record, AT)["trace_progress"]
    assert (row["stage"], row["at"]) == (stage, getattr(record, field))
    assert row["participant_id"] == getattr(record, "participant_id", "")


def test_an_erasure_says_nothing_but_that_and_when() -> None:
    (row,) = rows_of(EXAMPLES["TraceErased"], AT)["erasures"]
    source = {"minted_at", "source_topic", "source_partition", "source_offset"}
    assert row.keys() - source == {"trace_id", "project", "erased_at"}


@pytest.mark.parametrize("kind", [EventsAppended, ArtifactStored, ApiKeyRecorded, TokenRevoked])
def test_a_record_without_rows_is_no_error(kind: type[Any]) -> None:
    assert rows_of(EXAMPLES[kind.__name__], AT) == {}


@pytest.mark.parametrize(
    ("kind", "table"), [(RunManifest, "runs"), (RunStateChanged, "run_states"), (RunPromoted, "promotions")]
)
def test_every_field_of_a_record_about_a_run_reaches_its_row(kind: type[Any], table: str) -> None:
    record = EXAMPLES[kind.__name__]
    (row,) = rows_of(record, AT)[table]
    values = {field.name.replace("_at_us", "_at"): getattr(record, field.name) for field in fields(kind)}
    told = {name: value.decode() if isinstance(value, bytes) else value for name, value in values.items()}
    assert told == {name: row[name] for name in told}


def test_what_a_view_looks_through_is_inserted_last() -> None:
    assert list(rows_of(EXAMPLES["TraceAssembled"], AT, example_document())) == ["events", "traces"]
    assert list(rows_of(EXAMPLES["TraceValidated"], AT)) == ["test_results", "claims", "validations"]


def test_private_artifacts_are_left_out() -> None:
    document = example_document()
    stored = next(iter(document["artifacts"].values()))
    document["artifacts"] = {"pytest.log": stored, "workspace.bundle": stored | {"private": True}}
    (row,) = rows_of(EXAMPLES["TraceAssembled"], AT, document)["traces"]
    assert list(loads(row["artifacts"])) == ["pytest.log"]


def test_findings_keep_their_kinds_and_offsets() -> None:
    findings = (Finding(kind="gap", detail="chunk 1 is missing", offsets=(4, 5)),)
    record = example(TraceAssembled, fresh_id(), findings=findings)
    (row,) = rows_of(record, AT, example_document())["traces"]
    assert row["finding_kinds"] == ["gap"]
    assert loads(row["findings"]) == [{"kind": "gap", "detail": "chunk 1 is missing", "offsets": [4, 5]}]


def test_grades_and_runs_stay_in_order_and_a_missing_grade_is_none() -> None:
    (judgement,) = rows_of(EXAMPLES["TraceJudged"], AT)["judgements"]
    assert judgement["grades.criterion"] == ["causal_linking", "efficiency"]
    assert judgement["grades.grade"] == [4, None]
    assert judgement["grades.cited_seqs"] == [[0, 1, 2], []]
    (validation,) = rows_of(EXAMPLES["TraceValidated"], AT)["validations"]
    assert validation["runs.name"] == ["original_before", "original_after"]
    assert validation["runs.exit_code"] == [1, 0]


def test_what_cannot_become_rows_is_invalid() -> None:
    with pytest.raises(Invalid, match="no table holds a AssemblyProgress"):
        rows_of(EXAMPLES[AssemblyProgress.__name__], AT)
    with pytest.raises(Invalid, match="a hash has 32 bytes, not 31"):
        rows_of(replace(example_of(LeafAppended), leaf_hash=bytes(31)), AT)
    with pytest.raises(Invalid, match="RunManifest cannot become rows"):
        rows_of(replace(example_of(RunManifest), rubric=b"\xff"), AT)
    with pytest.raises(Invalid, match="not a trace id"):
        rows_of(example(TraceCompleted, "trace-7"), AT)
    with pytest.raises(Invalid, match="TraceAssembled cannot become rows"):
        rows_of(EXAMPLES["TraceAssembled"], AT, {"events": []})
