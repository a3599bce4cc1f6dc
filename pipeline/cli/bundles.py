"""`bundle` and `verify`: all that proves a trace in one file, and its verification without a network."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from clients.problems import ApiProblem, ConnectionLost
from pipeline.bundle.form import BadBundle, read_bundle
from pipeline.bundle.report import MERGE_DELAY_S, Report, Trust
from pipeline.bundle.trusted import Keys, merged, read_held_checkpoint, read_receipts, read_trusted_keys
from pipeline.bundle.verify import verify
from pipeline.checkpoints import parse_text
from pipeline.cli.sessions import client
from pipeline.cli.terminal import WRONG_USAGE, Json, fail, out
from pipeline.notes import BadNote, parse
from pipeline.receipts import BadKeys

Content = TypeVar("Content")
PAUSE_S = 0.5
STYLES = {"ALTERED": "red", "proven": "green", "not proven": "yellow"}
Held = Annotated[
    Path | None,
    typer.Option(
        exists=True, dir_okay=False, help="Earlier checkpoint, or earlier bundle of any trace, that you kept."
    ),
]


def bundle(
    trace_id: str,
    checkpoint: Held = None,
    wait: Annotated[float, typer.Option(help="Seconds to wait for a checkpoint that covers the trace.")] = 30,
) -> None:
    """Write all that proves a trace to standard output: `pr-telemetry bundle TRACE > TRACE.prbundle`."""
    try:
        content = _fetch(trace_id, _size(checkpoint), time.monotonic() + wait)
    except (ApiProblem, ConnectionLost, BadNote, BadBundle, OSError) as error:
        raise fail(f"{trace_id}: {error}") from None
    if content is None:
        raise fail(f"{trace_id}: no checkpoint covers it yet; is a notary running?")
    typer.get_binary_stream("stdout").write(content)


def _size(held: Path | None) -> int:
    if held is None:
        return 0
    return parse_text(parse(read_held_checkpoint(held.read_bytes())).text).size


def _fetch(trace_id: str, size: int, until: float) -> bytes | None:
    with client() as connection:
        while (content := connection.bundle(trace_id, size)) is None and time.monotonic() < until:
            time.sleep(PAUSE_S)
    return content


def verify_bundle(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="A bundle.")],
    key: Annotated[
        list[str],
        typer.Option(
            help="Public key you trust: a verifier key, or a file with keys of notary or receipts. Repeatable."
        ),
    ],
    checkpoint: Held = None,
    receipt: Annotated[
        list[Path] | None,
        typer.Option(exists=True, dir_okay=False, help="Receipts that you kept, as JSON. Repeatable."),
    ] = None,
    merge_delay_s: Annotated[
        int, typer.Option(help="How long after its end a trace may come into the log, seconds.")
    ] = MERGE_DELAY_S,
    json: Json = False,
) -> None:
    """Verify a bundle without a network. Exit status: 0 it holds, 1 it does not, 2 something cannot be read."""
    try:
        notaries, receipt_keys = merged(map(_keys, key))
        receipts = tuple(one for path in receipt or () for one in _content_of(path, read_receipts))
        if receipts and not receipt_keys:
            raise fail("the receipts cannot be checked without the gateway's keys: add --key FILE", WRONG_USAGE)
        earlier = _content_of(checkpoint, read_held_checkpoint) if checkpoint else None
        trust = Trust(notaries, earlier, receipts, receipt_keys, merge_delay_s)
        report = verify(_content_of(file, read_bundle), trust)
    except (BadBundle, BadKeys, OSError) as error:
        raise fail(str(error), WRONG_USAGE) from None
    _show(report, json)
    if not report.holds:
        raise typer.Exit(1)


def _content_of(path: Path, read: Callable[[bytes], Content]) -> Content:
    """What is in the file. Raises BadBundle, with its name; OSError."""
    try:
        return read(path.read_bytes())
    except (BadBundle, BadKeys) as error:
        raise BadBundle(f"{path}: {error}") from None


def _keys(given: str) -> Keys:
    if (path := Path(given)).is_file():
        return _content_of(path, read_trusted_keys)
    try:
        return read_trusted_keys(given.encode())
    except BadKeys:
        raise BadKeys(f"--key {given}: this is neither a file here nor a verifier key (name+id+base64)") from None


def _show(report: Report, json: bool) -> None:
    if json:
        findings = [{"kind": finding.kind, "detail": finding.detail} for finding in report.findings]
        told = {"proven": list(report.proven), "not_proven": list(report.unproven)}
        out.print_json(data={"trace_id": report.trace_id, "holds": report.holds, "findings": findings, **told})
        return
    for label, text in report.lines():
        out.print(f"{label:10} {text}", style=STYLES[label], markup=False, highlight=False)
