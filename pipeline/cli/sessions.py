"""`submit`, `view`, `results`: sessions in through the HTTP interface, results out."""

from collections.abc import Callable, Collection, Iterable
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from clients.http import TelemetryClient
from clients.journal import Held
from clients.problems import ApiProblem, ConnectionLost, EventTooLarge, NotReady
from clients.recorded import session_of
from clients.session import ALL_STAGES, Submitted, submit, wait_for
from clients.view import print_trace
from pipeline.cli.terminal import Json, err, fail, out
from pipeline.settings import ClientSettings, load

COLUMNS = ("trace", "events", "integrity", "verdict", "score", "queryable", "task")
WIDE = 120


def client() -> TelemetryClient:
    """A client of the gateway that the settings name."""
    settings = load(ClientSettings)
    return TelemetryClient(settings.gateway_url, settings.gateway_token)


Sent = tuple[Submitted, dict[str, Any], str]
Send = Callable[[TelemetryClient, str], Iterable[Sent]]


def send_each(sources: Collection[str], send: Send, json: bool, receipts: Path | None) -> None:
    """Send what each source holds; the ids of what went in are printed whatever happens to the others.

    `send` gives for each session what was confirmed, what its line of JSON says besides, and what a person reads.
    """
    failed = 0
    with client() as connection:
        for source in sources:
            try:
                for submitted, said, told in send(connection, source):
                    if receipts:
                        keep_receipts(receipts, submitted)
                    line = {"file": source, "trace_id": submitted.trace_id, **said}
                    typer.echo(orjson.dumps(line) if json else f"{submitted.trace_id}  {short(source)}{told}")
            except (ApiProblem, ConnectionLost, EventTooLarge, Held, ValueError, OSError) as error:
                failed += 1
                fail(f"{source}: {error}")
    if failed:
        raise fail(f"{failed} of {len(sources)} not submitted")


def short(source: str) -> str:
    """What a source is called, without its folders; of several files together each one's name."""
    return ", ".join(Path(each).name for each in source.split(", "))


def keep_receipts(folder: Path, submitted: Submitted) -> None:
    """Write a trace's receipts, as `verify-receipt` reads them."""
    content = orjson.dumps([receipt.model_dump() for receipt in submitted.receipts], option=orjson.OPT_INDENT_2)
    (folder / f"{submitted.trace_id}.receipts.json").write_bytes(content)


Files = Annotated[list[Path], typer.Argument(exists=True, dir_okay=False, help="Session files.")]
JsonLines = Annotated[bool, typer.Option("--json", help="Print a JSON document a line, for scripts.")]
Receipts = Annotated[
    Path | None,
    typer.Option(
        exists=True,
        file_okay=False,
        writable=True,
        help="Folder that keeps each trace's receipts, TRACE.receipts.json.",
    ),
]


def submit_files(files: Files, receipts: Receipts = None, json: JsonLines = False) -> None:
    """Submit sessions from JSON files. Exit status 1 when one failed.

    A file is {"trace": {...}, "events": [...]}, as in examples/session.json.
    """

    def send(connection: TelemetryClient, file: str) -> Iterable[Sent]:
        return [(submit(connection, session_of(Path(file).read_bytes())), {}, "")]

    send_each([str(file) for file in files], send, json, receipts)


def view(trace_id: str, json: Json = False) -> None:
    """Print a trace so that a person can follow it.

    Timeline, diffs, results, integrity, verdict, and the grades with the events they cite. What is still on its way is
    said to be.
    """
    try:
        with client() as connection:
            document = connection.get(trace_id)
    except (ApiProblem, ConnectionLost) as error:
        raise fail(str(error)) from None
    if document is None:
        raise fail(f"{trace_id} cannot be queried yet: try again in a second")
    if json:
        out.print_json(data=document)
    else:
        print_trace(document, out)


def results(
    trace_ids: list[str],
    wait: Annotated[float, typer.Option(help="Seconds to wait for all results.")] = 0,
    json: Json = False,
) -> None:
    """Print the results of traces, one line a trace.

    Events, integrity, verdict, score, and how long it took from `complete` to be queryable. Exit status 1 when one of
    them cannot be had; the others are printed.
    """
    documents, refused = _documents(trace_ids, wait)
    for trace_id, error in refused.items():
        fail(f"{trace_id}: {str(error).removeprefix(f'{trace_id}: ')}")
    lines = [_line(document) for document in documents]
    if json:
        out.print_json(data=lines)
    elif lines:
        # Rich drops whole columns where they do not fit; a line that the terminal wraps keeps them all.
        Console(width=max(out.width, WIDE)).print(_results_table(lines))
    if refused:
        raise typer.Exit(1)


def _progress() -> Progress:
    """A bar for people; a log or a script would get an empty line of it."""
    columns = (TextColumn("waiting for results"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=err, transient=True, disable=not err.is_terminal)


def _documents(trace_ids: list[str], wait: float) -> tuple[list[dict[str, Any]], dict[str, Exception]]:
    """The documents in order, and for each trace of which there is none the reason. Raises typer.Exit."""
    refused: dict[str, Exception] = {}
    with client() as connection, _progress() as progress:
        task = progress.add_task("results", total=len(trace_ids) * len(ALL_STAGES))

        def one(number: int, trace_id: str) -> dict[str, Any]:
            before = number * len(ALL_STAGES)

            def show(done: Collection[str]) -> None:
                progress.update(task, completed=before + len(done))

            return wait_for(connection, trace_id, timeout_s=wait, progress=show)

        documents = []
        for number, trace_id in enumerate(trace_ids):
            try:
                documents.append(one(number, trace_id))
            except (ApiProblem, NotReady) as error:
                refused[trace_id] = error
            except ConnectionLost as error:
                raise fail(str(error)) from None
        return documents, refused


def _line(document: dict[str, Any]) -> dict[str, Any]:
    validation, judge = document["qa"]["validation"], document["qa"]["judge"]
    verdict = validation["verdict"]
    if detail := validation.get("level") or validation.get("reason"):
        verdict = f"{verdict} ({detail})"
    return {
        "trace": document["trace_id"],
        "task": document["task"]["title"],
        "events": len(document["events"]),
        "integrity": document["integrity"]["status"],
        "verdict": verdict,
        "score": judge.get("overall"),
        "queryable_s": (_time(document, "queryable_at") - _time(document, "closed_at")).total_seconds(),
    }


def _time(document: dict[str, Any], name: str) -> datetime:
    return datetime.fromisoformat(document[name])


def _results_table(lines: list[dict[str, Any]]) -> Table:
    cells = [_cells(line) for line in lines]
    table = Table(box=None, pad_edge=False, expand=True)
    for name in COLUMNS:
        # Only the last column, the title, is cut where the table is too wide.
        table.add_column(name, no_wrap=True, ratio=1 if name == COLUMNS[-1] else None)
    for row in cells:
        table.add_row(*row)
    return table


def _cells(line: dict[str, Any]) -> tuple[str, ...]:
    score = "unscored" if line["score"] is None else f"{line['score']:.2f}"
    trace, after = f"…{line['trace'][-8:]}", f"{line['queryable_s']:.2f} s"
    return trace, str(line["events"]), line["integrity"], line["verdict"], score, after, line["task"]
