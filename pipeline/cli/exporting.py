"""`export`: stored traces as data sets for training and evaluation."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Annotated

import typer

from pipeline.audit import audit_entry
from pipeline.cli.changes import By, actor_of, answer_of, audited
from pipeline.cli.selecting import Projects, Sample, Seed, Since, Traces, Until, Verdicts, Where, chosen_by
from pipeline.cli.tables import reading
from pipeline.cli.terminal import WRONG_USAGE, Json, fail, note, out
from pipeline.clock import now_us
from pipeline.exports.formats import FORMATS
from pipeline.exports.parquet import NoParquet, require
from pipeline.exports.reading import CONSENTS, Reader
from pipeline.exports.running import Asked, Export, OtherExport
from pipeline.exports.splits import Splits, shares_of
from pipeline.selection import Selection
from schemas.records import AuditEntry


def export(
    format_name: Annotated[str, typer.Option("--format", help=f"One of: {', '.join(FORMATS)}.")],
    folder: Annotated[Path, typer.Option("--out", file_okay=False, help="New folder; or one of a cut export.")],
    since: Since = None,
    until: Until = None,
    project: Projects = None,
    verdict: Verdicts = None,
    trace: Traces = None,
    where: Where = "",
    sample: Sample = None,
    seed: Seed = 0,
    splits: Annotated[
        str, typer.Option(help="Percent of the repositories in train/validation/test; --seed deals them out.")
    ] = "90/5/5",
    consent: Annotated[
        str, typer.Option(help="What it is for: training, or research; the latter adds traces of that consent only.")
    ] = "training",
    licence: Annotated[
        str, typer.Option("--licence", "--license", help="Licence of the data set, as the card names it.")
    ] = "unknown",
    keep_participants: Annotated[
        bool, typer.Option("--keep-participants", help="Name participants as clients did, without pseudonyms.")
    ] = False,
    as_parquet: Annotated[
        bool, typer.Option("--parquet", help="Also as Parquet, beside the JSON lines; needs pyarrow.")
    ] = False,
    by: By = "",
    json_document: Json = False,
) -> None:
    """Write traces as a data set: latest revisions, with consent, none that is erased.

    Cut short, the same command goes on. Exit status: 0 done, 1 nothing is selected or a server is away, 2 wrong usage.
    """
    form = FORMATS.get(format_name)
    if form is None:
        raise fail(f"no format {format_name}; there are: {', '.join(FORMATS)}", WRONG_USAGE)
    if consent not in CONSENTS:
        raise fail(f"{consent!r} is no purpose; there are: {', '.join(CONSENTS)}", WRONG_USAGE)
    if as_parquet and not form.columns:
        raise fail(f"--parquet: {format_name} is written as documents, not as lines", WRONG_USAGE)
    try:
        require() if as_parquet else None
    except NoParquet as error:
        raise fail(str(error)) from None
    try:
        dealt = Splits(shares_of(splits), seed)
    except ValueError as error:
        raise fail(str(error), WRONG_USAGE) from None
    selection = chosen_by(since, until, project, verdict, trace, where, sample, seed)
    asked = Asked(
        format=format_name,
        selection=_listed(selection),
        purpose=consent,
        splits=splits,
        seed=seed,
        keep_participants=keep_participants,
    )
    with _alone(folder):
        work = Export(folder, asked, form, dealt)
        detail = {**selection.told(), "format": format_name, "consent": consent}
        entry = audit_entry(actor_of(by), "export", f"folder/{folder.name}", now_us(), detail=detail)
        with closing(work):
            total = _carried_out(work, selection, entry)
            work.finish(licence, as_parquet)
    facts = {"folder": str(folder), "format": format_name, "selected": total, "counts": work.counts}
    if json_document:
        return out.print_json(data=facts)
    for split, count in sorted(work.counts.get("split", {}).items()):
        out.print(f"{split:12} {count}", highlight=False)
    for reason, count in sorted(work.counts.get("left out", {}).items()):
        note(f"left out {count}: {reason}")
    out.print(f"{folder}/README.md says what is in there", highlight=False, soft_wrap=True)
    return None


def _carried_out(work: Export, selection: Selection, entry: AuditEntry) -> int:
    """How many units were selected. Raises typer.Exit."""
    with reading(analyst=True) as clickhouse:
        reader = Reader(clickhouse, work.asked.purpose)
        try:
            total = work.begin(lambda: reader.plan(selection, work.form.units))
        except OtherExport as error:
            raise fail(str(error), WRONG_USAGE) from None
        if not total:
            raise fail("nothing that may be exported is selected")
        answer_of(lambda: audited(entry))
        note(f"{total} selected, {work.done} written before; cut short, the same command goes on")
        while work.advance(reader):
            note(f"{work.done} of {total}")
        if taken := work.sweep(reader):
            note(f"{taken} records taken out: their traces were erased, or changed, after they were written")
    return total


def _listed(selection: Selection) -> dict[str, object]:
    """The selection as JSON gives it back."""
    return {name: list(value) if isinstance(value, tuple) else value for name, value in selection.content().items()}


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """No second export into this folder meanwhile. Raises typer.Exit."""
    own = folder / ".export"
    if not own.exists() and folder.exists() and any(folder.iterdir()):
        raise fail(f"{folder} is not empty: export into a folder of its own", WRONG_USAGE)
    own.mkdir(parents=True, exist_ok=True)
    with (own / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise fail(f"another export is writing into {folder}") from None
        yield
