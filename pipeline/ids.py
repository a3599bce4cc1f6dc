"""Identifiers. A trace id is `trace-` and a UUIDv7 (RFC 9562) in hex: it sorts by time and cannot be guessed."""

import re
import secrets

PREFIX = "trace-"
SHAPE = re.compile(rf"{PREFIX}[0-9a-f]{{32}}")


def new_trace_id(now_us: int, entropy: int | None = None) -> str:
    """A trace id for a moment; `entropy` (74 bits) is random unless given."""
    bits = secrets.randbits(74) if entropy is None else entropy
    value = (
        ((now_us // 1000) & (1 << 48) - 1) << 80 | 0x7 << 76 | (bits >> 62) << 64 | 0b10 << 62 | bits & (1 << 62) - 1
    )
    return f"{PREFIX}{value:032x}"


def minted_at_us(trace_id: str) -> int:
    """When the id was made, microseconds since the epoch, to the millisecond. Raises ValueError for another shape."""
    if not SHAPE.fullmatch(trace_id):
        raise ValueError(f"not a trace id: {trace_id[:64]!r}")
    return (int(trace_id[len(PREFIX) :], 16) >> 80) * 1000
