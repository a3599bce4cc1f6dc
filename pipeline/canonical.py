"""Canonical JSON and digests.

On our domain (ASCII keys, integers within 2**53, no floats, absent instead of null) orjson with sorted keys writes
exactly RFC 8785; a property test holds the two together.
"""

import hashlib
from typing import Any

import orjson

PREFIX = "sha256:"


def dumps(value: Any) -> bytes:
    """Canonical bytes of a JSON value of our domain."""
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def compact(data: bytes) -> bytes:
    """A copy that takes no more memory than its length, for what is kept. Measured with orjson 3.11: its bytes keep the
    buffer that they were written in, 4 KiB at least."""
    return bytes(memoryview(data))


def loads(data: bytes | str) -> Any:
    """The JSON value in the bytes."""
    return orjson.loads(data)


def digest(data: bytes) -> str:
    """`sha256:<hex>` of the bytes."""
    return PREFIX + hashlib.sha256(data).hexdigest()


def digest_of(value: Any) -> str:
    """`sha256:<hex>` of a value's canonical JSON."""
    return digest(dumps(value))
