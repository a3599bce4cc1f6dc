"""People's labels: out as a sheet, in through the log, and held against the judge's grades of the same traces."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys

import pytest

from pipeline.cli.rubric_files import DEFAULT, read_rubric
from pipeline.kafka import make_consumer
from schemas.codec import decode
from schemas.records import AuditEntry, Grade, TraceJudged
from schemas.topics import AUDIT_LOG, RESCORES, TRACE_ASSEMBLED, TRACE_JUDGED
from tests.integration.sinks.conftest import Lab
from tests.support.finished import example, finished, fresh_id

pytestmark = pytest.mark.integration
RUBRIC = read_rubric(DEFAULT)
SECRET = "ghp_" + "R7kQ2mX9vB4nL8sT1wZ6yC3dF5gH0jKpAeUi"


def _label(lab: Lab, *arguments: str, said: str | None = None) -> subprocess.CompletedProcess[str]:
    environment = {
        "KAFKA_BOOTSTRAP": lab.kafka.kafka_bootstrap,
        "CLICKHOUSE_URL": lab.settings.clickhouse_url,
        "CLICKHOUSE_DATABASE": lab.settings.clickhouse_database,
        "CLICKHOUSE_ANALYST_USER": lab.settings.clickhouse_user,
        "PR_TELEMETRY_HOME": str(lab.folder / "home"),
        "COLUMNS": "200",
    }
    command = [sys.executable, "-m", "pipeline.cli", "label", *arguments]
    return subprocess.run(
        command, env={**os.environ, **environment}, input=said, capture_output=True, text=True, timeout=60, check=False
    )


def _judged(trace_id: str, grades: dict[str, int]) -> TraceJudged:
    given = tuple(
        Grade(criterion=c.id, grade=grades[c.id], weight=c.weight, rationale="r", cited_seqs=(0,))
        for c in RUBRIC.criteria
    )
    return example(TraceJudged, trace_id, grades=given, rubric_digest=RUBRIC.digest)


async def _audited(lab: Lab, actor: str) -> list[AuditEntry]:
    consumer = make_consumer(lab.kafka, AUDIT_LOG.name)
    await consumer.start()
    try:
        records = [r for batch in (await consumer.getmany(timeout_ms=5_000)).values() for r in batch]
    finally:
        await consumer.stop()
    entries = [decode(record.value) for record in records]
    return [entry for entry in entries if isinstance(entry, AuditEntry) and entry.actor == actor]


async def test_the_way_of_a_sheet(lab: Lab) -> None:
    ids = sorted(fresh_id() for _ in range(4))
    judged = {one: {c.id: (place + n) % 6 for n, c in enumerate(RUBRIC.criteria)} for place, one in enumerate(ids)}
    with lab.sink():
        await lab.write_all(TRACE_ASSEMBLED, (finished(one) for one in ids))
        await lab.write_all(TRACE_JUDGED, (_judged(one, judged[one]) for one in ids))
        chosen = [part for one in ids for part in ("--trace", one)]
        await lab.until(4, "SELECT uniqExact(trace_id) FROM v1_events WHERE trace_id IN {ids:Array(String)}", ids=ids)
        await lab.until(
            4, "SELECT uniqExact(trace_id) FROM v1_judgements WHERE trace_id IN {ids:Array(String)}", ids=ids
        )

        sheet = lab.folder / "sheet.csv"
        done = _label(lab, "export", *chosen, "--out", str(sheet))
        assert done.returncode == 0, done.stderr
        assert "4 sessions to be graded by bug-fix-process 1.0" in done.stderr
        rows = list(csv.DictReader(io.StringIO(sheet.read_text(), newline="")))
        assert len(rows) == 4 * len(RUBRIC.criteria)
        assert "rationale_note: thought 0" in rows[0]["session"]
        assert "fixed" not in sheet.read_text()

        for name, off in (("anna", 0), ("ben", 1)):
            filled = lab.folder / f"{name}.csv"
            with filled.open("w", newline="") as file:
                writer = csv.DictWriter(file, ("trace_id", "revision", "criterion", "grade", "note", "cited_seqs"))
                writer.writeheader()
                for row in rows:
                    grade = max(0, judged[row["trace_id"]][row["criterion"]] - off)
                    note = f"token {SECRET}" if off else ""
                    kept = {key: row[key] for key in ("trace_id", "revision", "criterion")}
                    writer.writerow({**kept, "grade": grade, "note": note, "cited_seqs": "0-2"})
            done = _label(lab, "import", str(filled), "--labeller", name, "--by", f"sheet-{name}")
            assert done.returncode == 0, done.stderr
            assert f"4 traces, 24 grades, 0 skipped: imported for {name}" in done.stdout
        await lab.until(48, "SELECT count() FROM v1_labels WHERE trace_id IN {ids:Array(String)}", ids=ids)
        notes = lab.clickhouse.rows("SELECT DISTINCT rationale FROM v1_labels WHERE labeller = 'ben'")
        assert notes
        assert SECRET not in str(notes)
        assert "[REDACTED:" in str(notes)
        (entry,) = await _audited(lab, "cli/sheet-anna")
        assert (entry.action, entry.subject) == ("label", "run/human-anna")
        assert entry.detail == {"traces": "4", "rubric": RUBRIC.digest, "sheet": "anna.csv"}

        listed = json.loads(_label(lab, "list", "--json").stdout)
        assert [(row["labeller"], row["traces"], row["grades"]) for row in listed] == [("anna", 4, 24), ("ben", 4, 24)]
        figures = json.loads(_label(lab, "agreement", "--json", "--resamples", "50").stdout)
        assert figures["labellers"] == ["anna", "ben"]
        for one in figures["criteria"]:
            assert (one["traces"], one["pairs"], one["human_pairs"]) == (4, 8, 4)
            assert one["by_labeller"]["anna"] == 1.0
            assert one["by_labeller"]["ben"] < 1.0
        (bias,) = {one["bias"] > 0 for one in json.loads(_label(lab, "calibration", "--json").stdout)["criteria"]}
        assert bias
        assert "people 0" in _label(lab, "calibration").stdout
        assert "kappa² of the judge with" in _label(lab, "agreement", "--resamples", "20").stdout

        # a later label of the same person counts, and nothing of the earlier one is lost from the log
        again = lab.folder / "again.jsonl"
        again.write_text(json.dumps({"trace_id": ids[0], "grades": {RUBRIC.criteria[0].id: 5}}) + "\n")
        assert _label(lab, "import", str(again), "--labeller", "anna").returncode == 0
        one = {"id": ids[0]}
        latest = (
            "SELECT groupArray((criterion, grade)) FROM v1_labels WHERE labeller = 'anna' AND trace_id = {id:String}"
        )
        await lab.until([(RUBRIC.criteria[0].id, 5)], latest, **one)
        assert lab.value("SELECT uniqExact(run_id) FROM v1_current_scores WHERE trace_id = {id:String}", **one) == 1
        assert lab.value("SELECT any(run_id) FROM v1_current_scores WHERE trace_id = {id:String}", **one) == "live"


async def test_a_sitting_is_labelled_through_the_log(lab: Lab) -> None:
    one = fresh_id()
    with lab.sink():
        await lab.write(TRACE_ASSEMBLED, finished(one), one)
        await lab.until(5, "SELECT count() FROM v1_events WHERE trace_id = {id:String}", id=one)
        session = ("session", "--labeller", "cleo", "--trace", one)
        answers = "".join(f"{place % 6}\nbecause\n0 2\n" for place, _ in enumerate(RUBRIC.criteria))
        first = _label(lab, *session, said="a\n" + answers[:28])
        assert first.returncode == 0, first.stderr
        assert "thought 4" in first.stdout
        assert "labelled" not in first.stdout
        rest = _label(lab, *session, said=answers[28:] + "\n")
        assert f"labelled {one}" in rest.stderr
        label = "SELECT groupArray(grade) FROM v1_labels WHERE labeller = 'cleo' AND trace_id = {id:String}"
        await lab.until([place % 6 for place, _ in enumerate(RUBRIC.criteria)], label, id=one)
        assert "thought" not in _label(lab, *session, said="").stdout


async def test_a_sheet_with_faults_is_refused_as_a_whole(lab: Lab) -> None:
    one, criterion = fresh_id(), RUBRIC.criteria[0].id
    with lab.sink():
        await lab.write(TRACE_ASSEMBLED, finished(one), one)
        await lab.until(5, "SELECT count() FROM v1_events WHERE trace_id = {id:String}", id=one)
        end = await lab.end(await lab.write(RESCORES, _judged(one, {c.id: 1 for c in RUBRIC.criteria}), one))
        sheet = lab.folder / "sheet.jsonl"
        lines = [
            {"trace_id": one, "grades": {criterion: {"grade": 3, "cited_seqs": [99]}}},
            {"trace_id": fresh_id(), "grades": {criterion: 3}},
        ]
        sheet.write_text("\n".join(map(json.dumps, lines)))
        done = _label(lab, "import", str(sheet), "--labeller", "dora")
        assert done.returncode == 1
        told = done.stderr.splitlines()
        assert told[0] == f"{sheet}:1: the trace has no event 99"
        assert told[1].startswith(f"{sheet}:2: there is no finished trace trace-")
        assert told[2] == "2 faults; nothing was imported"
        partition = await lab.write(RESCORES, _judged(one, {c.id: 1 for c in RUBRIC.criteria}), one)
        assert await lab.end(partition) == end + 1
