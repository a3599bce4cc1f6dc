"""`import`: what other tools recorded as traces, each once, with a report of what had no place."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer

from clients.http import TelemetryClient
from clients.importers import IMPORTERS, commit_session, detected, sessions
from clients.importers.content import MAX_BYTES, Content
from clients.importers.formats import Imported, NotThisFormat
from clients.importers.loss import Loss
from clients.journal import Journal, submit_once
from clients.recorded import Session
from clients.session import Submitted
from pipeline.cli.control import this_home
from pipeline.cli.sessions import JsonLines, Receipts, send_each, short
from pipeline.cli.terminal import fail
from pipeline.reports.detect import detect
from pipeline.reports.model import BadReport
from pipeline.reports.runs import read_reports
from pipeline.settings import ClientSettings, load
from schemas.api import CreateTrace

AUTO, COMMITS, REPORTS = "auto", "git-commit", "test-report"
FORMATS = (*IMPORTERS, REPORTS, COMMITS)


@dataclass(frozen=True, slots=True)
class Read:
    """What a source holds. `digest` is of its bytes; of what its trace says of itself where it is no file."""

    format: str
    imported: list[Imported]
    digest: str


def import_files(
    sources: Annotated[list[str], typer.Argument(help="Files; with --format git-commit commits: hashes, branches.")],
    format_name: Annotated[str, typer.Option("--format", help=f"auto, or one of: {', '.join(FORMATS)}.")] = AUTO,
    repo: Annotated[
        Path | None, typer.Option(exists=True, file_okay=False, help="git-commit: the repository; the working folder.")
    ] = None,
    task_id: Annotated[str, typer.Option(help="Task of the traces, instead of what the source says.")] = "",
    title: Annotated[str, typer.Option(help="Title of the task, instead of what the source says.")] = "",
    participant: Annotated[str, typer.Option(help="Who worked, instead of what the source says.")] = "",
    repo_origin: Annotated[str, typer.Option(help="Where the repository is, instead of what the source says.")] = "",
    start_commit: Annotated[str, typer.Option(help="Commit that the work began at, where the source has none.")] = "",
    again: Annotated[bool, typer.Option("--again", help="Make new traces of what was imported before.")] = False,
    check: Annotated[bool, typer.Option("--check", help="Only read, and say what would be lost.")] = False,
    loss: Annotated[
        Path | None, typer.Option(dir_okay=False, help="File that gets what had no place, as JSON, for every session.")
    ] = None,
    receipts: Receipts = None,
    json: JsonLines = False,
) -> None:
    """Submit sessions that another tool recorded, test reports, or commits. Exit status 1 when one failed.

    Each is imported once: the same command again goes on where it was cut, and names the trace that is there. Several
    test reports are one session. What of a file had no place in its trace is said, and written to --loss.
    """
    if format_name not in (AUTO, *FORMATS):
        raise typer.BadParameter(f"no format {format_name}; there are: {AUTO}, {', '.join(FORMATS)}")
    said = {
        "task_id": task_id,
        "task_title": title,
        "participant_id": participant,
        "repo_origin": repo_origin,
        "start_commit": start_commit,
    }
    told = {name: value for name, value in said.items() if value}
    losses: list[dict[str, Any]] = []

    def read(source: str) -> Iterator[tuple[Session, dict[str, Any], str, str]]:
        found = _read(source, format_name, repo, groups)
        for number, one in enumerate(found.imported):
            trace = CreateTrace.model_validate({**one.session.trace.model_dump(), **told})
            session = replace(one.session, trace=trace)
            summary = _summary(found.format, session, one.loss)
            losses.append({"file": source, "task_id": trace.task_id, **summary, **one.loss.document()})
            yield session, summary, _line(found.format, session, one.loss), f"{found.format} {found.digest} {number}"

    def send(client: TelemetryClient, source: str) -> Iterator[tuple[Submitted, dict[str, Any], str]]:
        for session, summary, line, key in read(source):
            yield _once(client, session, f"{key} {orjson.dumps(told).decode()}", again), summary, f"  {line}"

    groups = _grouped(sources, format_name)
    try:
        if check:
            _checked(list(groups), read, json)
        else:
            send_each(list(groups), send, json, receipts)
    finally:
        if loss:
            loss.write_bytes(orjson.dumps(losses, option=orjson.OPT_INDENT_2))


def _grouped(sources: Sequence[str], format_name: str) -> dict[str, list[str]]:
    """The files that are read together, by what they are called: test reports are one session."""
    reports = [source for source in sources if format_name == REPORTS or (format_name == AUTO and _is_report(source))]
    groups = {", ".join(reports): reports} if reports else {}
    return groups | {source: [source] for source in sources if source not in reports}


def _is_report(source: str) -> bool:
    try:
        content = _content(source)
        return not detected(content) and bool(detect(content.plain))
    except (BadReport, NotThisFormat, OSError):
        return False


@lru_cache(maxsize=1)  # it is looked at for its format, and read then: once is enough where there is one file
def _content(source: str) -> Content:
    """As much as is ever read, and one byte more to know that there is more."""
    with Path(source).open("rb") as file:
        return Content(file.read(MAX_BYTES + 1), source)


def _read(source: str, format_name: str, repo: Path | None, groups: dict[str, list[str]]) -> Read:
    if format_name == COMMITS:
        session = commit_session(source, repo)
        digest = sha256(session.trace.model_dump_json().encode()).hexdigest()
        return Read(COMMITS, [Imported(session, Loss(records=1))], digest)
    if repo is not None:
        raise NotThisFormat("only --format git-commit takes a repository")
    contents = [_content(file) for file in groups[source]]
    digest = sha256(b"".join(sha256(content.data).digest() for content in contents)).hexdigest()
    if format_name == REPORTS or (format_name == AUTO and _is_report(contents[0].name)):
        return Read(REPORTS, [read_reports((content.name, content.plain) for content in contents)], digest)
    name = _the_one(detected(contents[0])) if format_name == AUTO else format_name
    return Read(name, sessions(name, contents[0]), digest)


def _the_one(found: list[str]) -> str:
    if not found:
        raise NotThisFormat(f"none of the formats that are read ({', '.join(FORMATS)}): give --format where it is one")
    if len(found) > 1:
        raise NotThisFormat(f"it could be {' or '.join(found)}: give --format")
    return found[0]


def _once(client: TelemetryClient, session: Session, source: str, again: bool) -> Submitted:
    """The session's trace at this gateway. `source`: its format, digest, place in the file, and what was said of it."""
    key = sha256(f"{load(ClientSettings).gateway_url} {source}".encode()).hexdigest()
    with Journal(this_home().root / "imports" / f"{key}.jsonl") as journal:
        if again:
            journal.forget()
        return submit_once(client, session, journal)


Reading = Callable[[str], Iterator[tuple[Session, dict[str, Any], str, str]]]


def _checked(sources: Sequence[str], read: Reading, json: bool) -> None:
    failed = 0
    for source in sources:
        try:
            for session, summary, line, _ in read(source):
                said = {"file": source, "task_id": session.trace.task_id, **summary}
                typer.echo(orjson.dumps(said) if json else f"{session.trace.task_id}  {short(source)}  {line}")
        except (NotThisFormat, ValueError, OSError) as error:
            failed += 1
            fail(f"{source}: {error}")
    if failed:
        raise fail(f"{failed} of {len(sources)} cannot be imported")


def _summary(format_name: str, session: Session, loss: Loss) -> dict[str, Any]:
    return {
        "format": format_name,
        "records": loss.records,
        "events": len(session.events),
        "events_by_type": dict(sorted(Counter(event["type"] for event in session.events).items())),
        "records_dropped": loss.dropped.total(),
        "fields_without_place": len(loss.fields),
        "bytes_without_place": sum(field.bytes for field in loss.fields.values()),
    }


def _line(format_name: str, session: Session, loss: Loss) -> str:
    """What a person reads of a session: `swe-agent: 16 records, 33 events; no place: ...; estimated: ...`."""
    dropped = [f"{count} {what}" for what, count in sorted(loss.dropped.items())]
    size = sum(field.bytes for field in loss.fields.values())
    repeated = sum(field.repeated_bytes for field in loss.fields.values())
    if loss.fields:
        dropped.append(f"{len(loss.fields)} fields ({_kilobytes(size)}, {_kilobytes(repeated)} of it kept elsewhere)")
    estimated = Counter[str]()
    for (name, _), count in loss.estimated.items():
        estimated[name] += count
    parts = [f"{format_name}: {loss.records} records, {len(session.events)} events"]
    parts += [f"no place: {', '.join(dropped)}"] if dropped else []
    parts += [f"estimated: {', '.join(f'{name} of {count}' for name, count in estimated.items())}"] if estimated else []
    altered = [what for what, count in sorted(loss.altered.items()) if count]
    parts += [f"altered: {', '.join(altered)}"] if altered else []
    return "; ".join(parts)


def _kilobytes(size: int) -> str:
    return f"{size / 1000:.1f} kB"
