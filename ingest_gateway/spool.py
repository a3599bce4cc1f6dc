"""Artifacts between client and store, in memory up to a size and then in an unnamed temporary file that goes with the
process; so that a file costs the same memory whatever its size.
"""

import hashlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from tempfile import SpooledTemporaryFile
from typing import BinaryIO, cast

from starlette.requests import Request

from ingest_gateway.bodies import BodyLimits, read
from ingest_gateway.problems import TOO_LARGE, UNSUPPORTED_MEDIA_TYPE, Problem
from ingest_gateway.redaction import Redactor
from pipeline.canonical import PREFIX

IN_MEMORY = 1024 * 1024
PIECE = 256 * 1024
# git's own rule: a NUL among the first 8000 bytes is what no text has.
LOOKED_AT = 8_000
WIDE = (b"\xff\xfe", b"\xfe\xff", b"\x00\x00\xfe\xff")


def is_binary(beginning: bytes) -> bool:
    """Whether a file that begins so is no text. Raises Problem for text that redaction cannot read, rather than store
    what may be a secret in it."""
    if beginning.startswith(WIDE):
        raise Problem(UNSUPPORTED_MEDIA_TYPE, "send text as UTF-8; this is UTF-16 or UTF-32")
    return b"\0" in beginning[:LOOKED_AT]


def open_spool() -> BinaryIO:
    """An empty temporary file; closing it removes it."""
    return cast(BinaryIO, SpooledTemporaryFile(IN_MEMORY))


@asynccontextmanager
async def spooled(request: Request, limits: BodyLimits) -> AsyncIterator[BinaryIO]:
    """The body as a temporary file, at its beginning; `limits.in_flight` counts it until the context ends."""
    size = 0
    with open_spool() as file:

        def take(piece: bytes) -> None:
            nonlocal size
            size += len(piece)
            limits.in_flight.take(len(piece))
            if size > limits.most_bytes:
                raise Problem(TOO_LARGE, f"at most {limits.most_bytes} bytes are taken")
            file.write(piece)

        try:
            await read(request, take, limits.pace)
            file.seek(0)
            yield file
        finally:
            limits.in_flight.held -= size


def without_secrets(source: BinaryIO, redactor: Redactor) -> BinaryIO:
    """What is to be stored of a file: a text without its secrets in a spool of its own, a binary file as is. Blocks."""
    beginning = source.read(LOOKED_AT)
    source.seek(0)
    if is_binary(beginning):
        return source
    clean, stream = open_spool(), redactor.stream()
    try:
        while piece := source.read(PIECE):
            clean.write(stream.feed(piece))
        clean.write(stream.close())
    except BaseException:
        clean.close()
        raise
    clean.seek(0)
    return clean


def measured(file: BinaryIO) -> tuple[str, int]:
    """`sha256:<hex>` and size of a file, which then stands at its beginning. Blocks."""
    file.seek(0)
    sha256, size = hashlib.sha256(), 0
    while piece := file.read(PIECE):
        sha256.update(piece)
        size += len(piece)
    file.seek(0)
    return PREFIX + sha256.hexdigest(), size


def type_taken(media_type: str, patterns: str) -> bool:
    """Whether a content type is among `text/*,image/png`."""
    matches: Callable[[str], bool] = {"*/*", media_type, media_type.partition("/")[0] + "/*"}.__contains__
    return any(map(matches, patterns.split(",")))
