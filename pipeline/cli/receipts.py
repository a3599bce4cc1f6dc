"""`verify-receipt`: what a receipt proves, in words, without asking the server about the receipt."""

from pathlib import Path
from typing import Annotated, Any

import httpx2
import orjson
import typer

from pipeline.cli.terminal import WRONG_USAGE, Json, fail, out
from pipeline.receipts import PATH, BadKeys, Verdict, check, read_keys
from pipeline.settings import ClientSettings, load

TIMEOUT_S = 10


def _keys(source: str) -> dict[str, bytes]:
    """The keys of a file or a URL. Raises BadKeys, OSError, httpx2.HTTPError."""
    if source.startswith(("http://", "https://")):
        answer = httpx2.get(source, timeout=TIMEOUT_S)
        answer.raise_for_status()
        content = answer.content
    else:
        content = Path(source).read_bytes()
    try:
        return read_keys(orjson.loads(content))
    except orjson.JSONDecodeError:
        raise BadKeys("it is not JSON") from None


def verify_receipt(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="A receipt as JSON, or an array of them.")],
    keys: Annotated[
        str,
        typer.Option(help="File or URL of the public keys; the gateway's where not given. A copy you kept is best."),
    ] = "",
    json: Json = False,
) -> None:
    """Check receipts' signatures. Exit status: 0 all are proven, 1 one is not, 2 file or keys are unreadable."""
    source = keys or load(ClientSettings).gateway_url.rstrip("/") + PATH
    try:
        known = _keys(source)
        content = orjson.loads(file.read_bytes())
    except orjson.JSONDecodeError:
        raise fail(f"{file} is not JSON", WRONG_USAGE) from None
    except (BadKeys, OSError, httpx2.HTTPError) as error:
        raise fail(f"the keys cannot be had from {source}: {error}", WRONG_USAGE) from None
    receipts = content if isinstance(content, list) else [content]
    verdicts = [check(receipt, known) for receipt in receipts]
    _show(verdicts, json)
    if not verdicts or not all(verdict.holds for verdict in verdicts):
        raise typer.Exit(1)


def _show(verdicts: list[Verdict], json: bool) -> None:
    if json:
        lines: list[Any] = [{"proven": verdict.holds, "text": verdict.text} for verdict in verdicts]
        out.print_json(data=lines)
        return
    for verdict in verdicts:
        out.print(verdict.text, style="green" if verdict.holds else "red", markup=False, highlight=False)
