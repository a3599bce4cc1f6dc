"""`redact`: what the gateway would store of a text."""

import secrets
import sys
from collections import Counter

import typer

from pipeline.redaction.stream import StreamRedactor

PIECE = 65_536


def redact() -> None:
    """Copy standard input to standard output without its secrets; what was found, by rule, goes to standard error.

    Equal secrets get equal placeholders within one run only.
    """
    counts: Counter[str] = Counter()
    stream = StreamRedactor(secrets.token_bytes(32), counts)
    while piece := sys.stdin.buffer.read(PIECE):
        sys.stdout.buffer.write(stream.feed(piece))
    sys.stdout.buffer.write(stream.close())
    sys.stdout.buffer.flush()
    for rule, count in sorted(counts.items()):
        typer.echo(f"{rule}: {count}", err=True)
