"""`label ...`: people's grades, out as blank sheets and in again, and what they say about judges."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Annotated, Any, Literal, TextIO

import typer
from rich.table import Table

from pipeline.audit import audit_entry
from pipeline.cli.changes import By, actor_of, answer_of
from pipeline.cli.label_figures import agreement, calibration
from pipeline.cli.label_session import session
from pipeline.cli.label_writing import Labeller, cleaner, labeller_of, write
from pipeline.cli.rubric_files import DEFAULT, RubricName, read_rubric
from pipeline.cli.selecting import Projects, Sample, Seed, Since, Traces, Until, Verdicts, Where, chosen_by, selected
from pipeline.cli.tables import reading
from pipeline.cli.terminal import Json, fail, note, out
from pipeline.clock import now_us
from pipeline.label_rows import Labels, Sessions, subjects_of
from pipeline.label_sheets import Fault, Line, labels_in, read_csv, read_jsonl, to_csv, to_jsonl
from pipeline.labels import Label, Rubric, Subject, faults_of, record_of

Form = Literal["csv", "jsonl"]
SHOWN_FAULTS = 50
label_app = typer.Typer(no_args_is_help=True, help="People's grades: sheets out and in, a session, agreement.")
label_app.command("session")(session)
label_app.command("agreement")(agreement)
label_app.command("calibration")(calibration)


@label_app.command("export")
def export_sheet(
    since: Since = None,
    until: Until = None,
    project: Projects = None,
    verdict: Verdicts = None,
    trace: Traces = None,
    where: Where = "",
    sample: Sample = None,
    seed: Seed = 0,
    rubric_name: RubricName = DEFAULT,
    form: Annotated[Form, typer.Option("--format", help="A row a criterion (csv), or a line a trace (jsonl).")] = "csv",
    file: Annotated[Path | None, typer.Option("--out", help="Where to; standard output where not given.")] = None,
) -> None:
    """Write a blank sheet: the selected sessions condensed, with the rubric's anchors, without grade or verdict."""
    chosen = chosen_by(since, until, project, verdict, trace, where, sample, seed)
    rubric, ids = read_rubric(rubric_name), selected(chosen)
    with reading(analyst=True) as clickhouse, _opened(file) as sheet:
        told = Sessions(clickhouse).told(ids)
        for line in (to_csv if form == "csv" else to_jsonl)(told, rubric):
            sheet.write(line)
    note(f"{len(ids)} sessions to be graded by {rubric.id} {rubric.version}")


def _opened(file: Path | None) -> AbstractContextManager[TextIO]:
    if file is None:
        return nullcontext(sys.stdout)
    try:
        return file.open("w", encoding="utf-8", newline="")
    except OSError as error:
        raise fail(f"{file}: {error.strerror}") from None


@label_app.command("import")
def import_sheet(
    file: Annotated[Path, typer.Argument(help="A sheet: CSV where its name ends so, else JSON lines.")],
    labeller: Labeller,
    rubric_name: RubricName = DEFAULT,
    check: Annotated[bool, typer.Option("--check", help="Only say what is wrong; import nothing.")] = False,
    by: By = "",
    json_document: Json = False,
) -> None:
    """Take the grades of a sheet as one person's labels: all of them, or, where a line is wrong, none.

    Exit status 1 when a line is wrong; each is told with its number.
    """
    name, rubric = labeller_of(labeller), read_rubric(rubric_name)
    lines = _checked(file, _read(file, rubric))
    with reading(analyst=False) as clickhouse:
        subjects = subjects_of(clickhouse, (line.trace_id for line in lines))
    labels, about = _about(file, lines, subjects, rubric)
    if not check and labels:
        at_us, clean = now_us(), cleaner()
        records = [
            record_of(label, subject, rubric, name, at_us, 0, clean)
            for label, subject in zip(labels, about, strict=True)
        ]
        detail = {"traces": str(len(labels)), "rubric": rubric.digest, "sheet": file.name}
        entry = audit_entry(actor_of(by), "label", f"run/{records[0].run_id}", at_us, detail=detail)
        answer_of(lambda: write(records, entry))
    _say(name, labels, check, json_document)


def _read(file: Path, rubric: Rubric) -> tuple[list[Line], list[Fault]]:
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise fail(f"{file} cannot be read: {error}") from None
    return read_csv(text, rubric) if file.suffix.lower() == ".csv" else read_jsonl(text, rubric)


def _checked(file: Path, read: tuple[list[Line], list[Fault]]) -> list[Line]:
    lines, faults = read
    if faults:
        raise _refused(file, faults)
    return lines


def _about(
    file: Path, lines: Sequence[Line], subjects: dict[str, dict[int, Subject]], rubric: Rubric
) -> tuple[list[Label], list[Subject]]:
    """The labels, and the revision that each is about. Raises typer.Exit."""
    labels, faults = labels_in(lines)
    about: dict[str, Subject] = {}
    for line in lines:
        revisions = subjects.get(line.trace_id, {})
        number = max(revisions, default=0) if line.revision is None else line.revision
        if (subject := revisions.get(number)) is None:
            missing = f"revision {number} of {line.trace_id}" if revisions else f"finished trace {line.trace_id}"
            faults.append(Fault(line.number, f"there is no {missing}"))
            continue
        about[line.trace_id] = subject
        faults += [Fault(line.number, what) for what in faults_of(line.answer, rubric, subject)]
    if faults:
        raise _refused(file, faults)
    return labels, [about[label.trace_id] for label in labels]


def _refused(file: Path, faults: Iterable[Fault]) -> typer.Exit:
    told = sorted(set(faults))
    for fault in told[:SHOWN_FAULTS]:
        fail(f"{file}:{fault.line}: {fault.what}")
    rest = f", {len(told) - SHOWN_FAULTS} of them not shown" if len(told) > SHOWN_FAULTS else ""
    return fail(f"{len(told)} faults{rest}; nothing was imported")


def _say(labeller: str, labels: Sequence[Label], check: bool, as_json: bool) -> None:
    grades = sum(answer.grade is not None for label in labels for answer in label.answers)
    skipped = sum(len(label.answers) for label in labels) - grades
    counted = {"traces": len(labels), "grades": grades, "skipped": skipped}
    if as_json:
        return out.print_json(data={"labeller": labeller, **counted, "imported": bool(labels) and not check})
    done = "would be imported" if check else "imported"
    return out.print(
        f"{len(labels)} traces, {grades} grades, {skipped} skipped: {done} for {labeller}", highlight=False
    )


@label_app.command("list")
def list_labels(
    project: Annotated[str, typer.Option(help="Only labels of this project's traces.")] = "",
    json_document: Json = False,
) -> None:
    """Who labelled how much, by which rubric."""
    with reading(analyst=True) as clickhouse:
        rows = Labels(clickhouse).summary(project)
    if json_document:
        return out.print_json(data=[_timed(row) for row in rows])
    table = Table("labeller", "rubric", "traces", "grades", "skipped", "first", "last", box=None)
    for row in rows:
        times = (f"{row[name]:%Y-%m-%d %H:%M}" for name in ("first_at", "last_at"))
        counts = (str(row[name]) for name in ("traces", "grades", "skipped"))
        table.add_row(row["labeller"], f"{row['rubric']} {row['rubric_version']}", *counts, *times)
    return out.print(table) if rows else note("nobody has labelled anything yet")


def _timed(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value.isoformat() if name.endswith("_at") else value for name, value in row.items()}
