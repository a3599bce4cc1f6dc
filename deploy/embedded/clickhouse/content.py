"""Undoes the Content-Encoding of a request body and reads forms (pure).

A body may consist of many compressed frames: clickhouse-connect sends one frame per block, and a decoder that stops at
the end of the first would store 32,768 of 100,000 rows and answer 200.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from email.parser import BytesParser
from email.policy import HTTP
from typing import Protocol

import lz4.frame
import zstandard

from deploy.embedded.clickhouse.failures import failure

# Everything a request holds stays in memory until the engine has it.
MAX_BODY_BYTES = 512 * 1024 * 1024
_STEP_BYTES = 4 * 1024 * 1024


class _Frame(Protocol):
    """A decoder of a single frame, as lz4, zstandard and zlib have it."""

    @property
    def eof(self) -> bool: ...
    @property
    def unused_data(self) -> bytes | None: ...
    def decompress(self, data: bytes, /) -> bytes: ...


_FRAMES: dict[str, Callable[[], _Frame]] = {
    "lz4": lz4.frame.LZ4FrameDecompressor,
    "zstd": lambda: zstandard.ZstdDecompressor().decompressobj(),
    "gzip": lambda: zlib.decompressobj(wbits=zlib.MAX_WBITS | 16),
}


def decode(body: bytes, encoding: str, limit: int = MAX_BODY_BYTES) -> bytes:
    """The body without its `encoding` (a Content-Encoding value), all frames of it.

    Raises Failure: unknown encoding, broken or cut-off frames, more than `limit` bytes.
    """
    if encoding in ("", "identity"):
        return body
    if encoding not in _FRAMES:
        raise failure("UNKNOWN_COMPRESSION_METHOD", f"Unknown compression method: {encoding}")
    try:
        return _all_frames(body, _FRAMES[encoding], limit)
    except (RuntimeError, zstandard.ZstdError, zlib.error) as problem:
        raise failure("CANNOT_DECOMPRESS", f"{encoding}: {problem}") from problem


def _all_frames(body: bytes, new_frame: Callable[[], _Frame], limit: int) -> bytes:
    decoded, rest = bytearray(), body
    while rest:
        frame = new_frame()
        rest = _one_frame(frame, rest, decoded, limit)
        if not frame.eof:
            raise failure("CANNOT_DECOMPRESS", "the last frame of the body is incomplete")
    return bytes(decoded)


def _one_frame(frame: _Frame, body: bytes, decoded: bytearray, limit: int) -> bytes:
    position = 0
    while position < len(body) and not frame.eof:
        decoded += frame.decompress(body[position : position + _STEP_BYTES])
        position += _STEP_BYTES
        if len(decoded) > limit:
            raise failure("QUERY_IS_TOO_LARGE", f"the decompressed body is larger than {limit} bytes")
    return (frame.unused_data or b"") + body[position:]


def form_fields(body: bytes, content_type: str) -> dict[str, str]:
    """The text fields of a multipart/form-data body, which clients use for parameters too long for an address.

    Raises Failure for files: external tables are not offered.
    """
    message = BytesParser(policy=HTTP).parsebytes(b"Content-Type: " + content_type.encode() + b"\r\n\r\n" + body)
    fields: dict[str, str] = {}
    for part in message.iter_parts():
        name = part.get_param("name", header="content-disposition")
        if part.get_filename() is not None or not isinstance(name, str):
            raise failure("NOT_IMPLEMENTED", "external tables are not supported by the embedded engine")
        content = part.get_payload(decode=True)
        fields[name] = content.decode() if isinstance(content, bytes) else ""
    return fields
