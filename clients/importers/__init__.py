"""Recordings of other tools as sessions. An importer is pure: the parsed file in, a session out.

A file that is not of its format raises `NotThisFormat`.
"""

import gzip
import json
import zlib
from collections.abc import Callable
from typing import Any

from clients.importers import mini_swe_agent
from clients.importers.formats import NotThisFormat
from clients.recorded import Session

IMPORTERS: dict[str, Callable[[dict[str, Any]], Session]] = {
    "mini-swe-agent": mini_swe_agent.convert,
}

GZIP_MAGIC = b"\x1f\x8b"


def import_session(format_name: str, content: bytes) -> Session:
    """The session in a file's bytes, gzipped or not. KeyError: no such format; NotThisFormat: not such a file."""
    convert = IMPORTERS[format_name]
    try:
        plain = gzip.decompress(content) if content.startswith(GZIP_MAGIC) else content
        document = json.loads(plain)  # orjson refuses files with lone surrogates, which recorders do write
    except (OSError, EOFError, zlib.error, ValueError) as error:
        raise NotThisFormat(f"not readable as JSON: {error}") from error
    if not isinstance(document, dict):
        raise NotThisFormat("not a JSON object")
    return convert(document)
