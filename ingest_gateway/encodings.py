"""Request bodies out of their content encoding, never beyond a limit. Pure.

A bomb costs at most `limit` bytes: output stops there, whatever the input promises.
"""

import io
import zlib

import zstandard

from ingest_gateway.problems import BAD_ENCODING, TOO_LARGE, UNSUPPORTED_MEDIA_TYPE, Problem

ENCODINGS = ("gzip", "zstd", "identity")
GZIP = 31
LARGEST_WINDOW = 8 * 1024 * 1024


def _too_large(limit: int) -> Problem:
    return Problem(TOO_LARGE, f"at most {limit} bytes are taken, counted after decompression")


def _bad(encoding: str) -> Problem:
    return Problem(BAD_ENCODING, f"the body is not one whole {encoding} stream")


def supported(encoding: str | None) -> str:
    """The name of an encoding that is taken. Raises Problem for any other, and for several in turn."""
    name = (encoding or "identity").strip().lower()
    if name not in ENCODINGS:
        accepted = {"Accept-Encoding": ", ".join(ENCODINGS)}
        raise Problem(UNSUPPORTED_MEDIA_TYPE, f"send the body as one of {', '.join(ENCODINGS)}", headers=accepted)
    return name


def decoded(content: bytes, encoding: str, limit: int) -> bytes:
    """The body itself. Raises Problem where it is longer than `limit` bytes or damaged."""
    if encoding == "gzip":
        return _gunzipped(content, limit)
    return _unzstd(content, limit) if encoding == "zstd" else content


def _gunzipped(content: bytes, limit: int) -> bytes:
    stream = zlib.decompressobj(GZIP)
    try:
        body = stream.decompress(content, limit + 1)
    except zlib.error:
        raise _bad("gzip") from None
    if len(body) > limit:
        raise _too_large(limit)
    if not stream.eof or stream.unused_data:
        raise _bad("gzip")
    return body


def _unzstd(content: bytes, limit: int) -> bytes:
    try:
        # What a frame promises is allocated before anything is read.
        promised = zstandard.frame_content_size(content)
        if promised > limit:
            raise _too_large(limit)
        reader = zstandard.ZstdDecompressor(max_window_size=LARGEST_WINDOW)
        if promised >= 0:
            return reader.decompress(content, allow_extra_data=False)
        return _unzstd_unpromised(content, reader, limit)
    except zstandard.ZstdError:
        raise _bad("zstd") from None


def _unzstd_unpromised(content: bytes, reader: zstandard.ZstdDecompressor, limit: int) -> bytes:
    """The bounded reader does not tell a frame that was cut; the one that does is unbounded, so it comes second."""
    if len(reader.stream_reader(io.BytesIO(content)).read(limit + 1)) > limit:
        raise _too_large(limit)
    frame = reader.decompressobj()
    body = frame.decompress(content)
    if not frame.eof or frame.unused_data:
        raise _bad("zstd")
    return body
