"""Which part of a file a GET asks for (RFC 9110, section 14). Pure.

Several ranges, other units and what cannot be read are ignored, as the RFC allows: the whole file is the answer.
"""

import re

from ingest_gateway.problems import RANGE_UNSATISFIABLE, Problem

ONE_RANGE = re.compile(r"bytes=(?:(\d{1,18})-(\d{0,18})|-(\d{1,18}))", re.ASCII | re.IGNORECASE)


def part(asked: str | None, condition: str | None, etag: str, size: int) -> tuple[int, int] | None:
    """(first byte, byte after the last), or None for the whole of `size` bytes. `condition` is If-Range.

    Raises Problem where no byte of the range exists.
    """
    match = ONE_RANGE.fullmatch((asked or "").strip())
    if match is None or (condition is not None and condition.strip() != etag):
        return None
    first, last, suffix = match.groups()
    if suffix is not None:
        begin, end = max(0, size - int(suffix)), size
    else:
        begin, end = int(first), min(int(last) + 1, size) if last else size
        if last and int(last) < begin:
            return None
    if begin >= end:
        raise Problem(RANGE_UNSATISFIABLE, f"the file has {size} bytes", headers={"Content-Range": f"bytes */{size}"})
    return begin, end
