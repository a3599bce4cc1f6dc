"""The Native format as a server writes it for a client that names its protocol version (pure).

The engine writes Native as for a client of version 0. clickhouse-go, and so Grafana's data source, names its version
and reads what belongs to it, whatever the server says: an info before each block, a flag before each column's data.
Where a column ends only its type tells, so values are walked over, not read; a type whose data cannot be walked is
refused by name. Clients of an older version than KNOWN try out first what they get, and get version 0.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterable
from functools import cache
from typing import NamedTuple

from deploy.embedded.clickhouse.failures import failure

KNOWN = 54_454
"""From this version on there is a flag for each column: whether its data are in a way of their own."""
# is_overflows (field 1) no, bucket_num (field 2) -1, no more fields.
_INFO = b"\x01\x00\x02\xff\xff\xff\xff\x00"
_USUAL = b"\x00"
_SIZES = {"Bool": 1, "Date": 2, "Date32": 4, "DateTime": 4, "DateTime64": 8, "Time": 4, "Time64": 8, "Nothing": 1}
_SIZES |= {"Enum8": 1, "Enum16": 2, "IPv4": 4, "IPv6": 16, "UUID": 16, "BFloat16": 2, "Float32": 4, "Float64": 8}
_SIZES |= {f"{sign}Int{bits}": bits // 8 for sign in ("", "U") for bits in (8, 16, 32, 64, 128, 256)}
_DECIMALS = ((9, 4), (18, 8), (38, 16), (76, 32))
_NAMED = re.compile(r"(?:`(?:[^`\\]|\\.)*`|\w+) (?=\w)")
_WORD = 8
_HAS_KEYS = 1 << 9


class _Incomplete(Exception):
    """The block goes on in what has not come yet."""


class _Type(NamedTuple):
    name: str
    arguments: tuple[str, ...]


def framed(pieces: Iterable[bytes]) -> Generator[bytes, None, None]:
    """The blocks of a Native stream of version 0, each as a client of version KNOWN or later reads it.

    Raises Failure (48) for a type whose data cannot be walked.
    """
    rest = b""
    for piece in pieces:
        rest += piece
        made, at = [], 0
        while at < len(rest):
            try:
                block, at = _block(rest, at)
            except _Incomplete:
                break
            made.append(block)
        rest = rest[at:]
        if made:
            yield b"".join(made)
    if rest:
        # Not a block: an error that the engine wrote amid the data.
        yield rest


def _block(data: bytes, at: int) -> tuple[bytes, int]:
    """One block from `at` on, framed anew, and where the next one begins."""
    columns, begun = _varint(data, at)
    rows, end = _varint(data, begun)
    parts = [_INFO, data[at:end]]
    for _ in range(columns):
        start, (_, end) = end, _text(data, end)
        kind, end = _text(data, end)
        parts += [data[start:end], _USUAL]
        if rows:
            start, end = end, _data(data, _prefix(data, end, kind), kind, rows)
            parts.append(data[start:end])
    if end > len(data):
        raise _Incomplete
    return b"".join(parts), end


def _prefix(data: bytes, at: int, kind: str) -> int:
    """The end of what stands before the data of all rows: a version for each dictionary."""
    name, arguments = _parsed(kind)
    if name == "LowCardinality":
        return at + _WORD
    for inner in arguments if name in ("Array", "Map", "Nullable", "Tuple", "SimpleAggregateFunction") else ():
        at = _prefix(data, at, inner)
    return at


def _data(data: bytes, at: int, kind: str, rows: int) -> int:
    """The end of the data of `rows` values."""
    name, arguments = _parsed(kind)
    if rows == 0:
        return at
    match name:
        case "String":
            return _strings(data, at, rows)
        case "Nullable":
            return _data(data, at + rows, arguments[0], rows)
        case "Array" | "Map":
            end = at + _WORD * rows
            elements = _word(data, end - _WORD)
            for inner in arguments:
                end = _data(data, end, inner, elements)
            return end
        case "Tuple":
            for inner in arguments:
                at = _data(data, at, inner, rows)
            return at
        case "SimpleAggregateFunction":
            return _data(data, at, arguments[-1], rows)
        case "LowCardinality":
            return _dictionary(data, at, arguments[0])
        case _:
            return at + rows * _size(name, arguments, kind)


def _dictionary(data: bytes, at: int, kind: str) -> int:
    """Keys, each once and without a mark of NULL, then for each row the number of its key."""
    flags, name, arguments = _word(data, at), *_parsed(kind)
    at += _WORD
    if flags & _HAS_KEYS:
        at = _data(data, at + _WORD, arguments[0] if name == "Nullable" else kind, _word(data, at))
    return at + _WORD + (1 << (flags & 0xFF)) * _word(data, at)


def _size(name: str, arguments: tuple[str, ...], kind: str) -> int:
    if name == "Decimal":
        return next(size for most, size in _DECIMALS if int(arguments[0]) <= most)
    if name == "FixedString":
        return int(arguments[0])
    if name.startswith("Interval"):
        return _WORD
    if name not in _SIZES:
        raise failure("NOT_IMPLEMENTED", f"columns of type {kind} are not sent to this client; cast them to String")
    return _SIZES[name]


def _strings(data: bytes, at: int, rows: int) -> int:
    for _ in range(rows):
        length, at = _varint(data, at)
        at += length
    return at


def _text(data: bytes, at: int) -> tuple[str, int]:
    length, at = _varint(data, at)
    if at + length > len(data):
        raise _Incomplete
    return data[at : at + length].decode(), at + length


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while at < len(data):
        byte = data[at]
        value, shift, at = value | (byte & 0x7F) << shift, shift + 7, at + 1
        if byte < 0x80:
            return value, at
    raise _Incomplete


def _word(data: bytes, at: int) -> int:
    if at + _WORD > len(data):
        raise _Incomplete
    return int.from_bytes(data[at : at + _WORD], "little")


@cache
def _parsed(kind: str) -> _Type:
    """The type's name and its arguments; elements of a tuple without their names."""
    name, bracket, inside = kind.partition("(")
    if not bracket:
        return _Type(name, ())
    arguments = _split(inside[:-1])
    return _Type(name, tuple(map(_unnamed, arguments) if name == "Tuple" else arguments))


def _unnamed(element: str) -> str:
    named = _NAMED.match(element)
    return element[named.end() :] if named else element


def _split(text: str) -> list[str]:
    """Arguments: parted by commas outside of brackets and quotes."""
    parts, depth, quote, start, at = [], 0, "", 0, 0
    while at < len(text):
        letter = text[at]
        if quote:
            at += letter == "\\"
            quote = "" if letter == quote else quote
        elif letter in "'`":
            quote = letter
        elif letter in "()":
            depth += 1 if letter == "(" else -1
        elif letter == "," and depth == 0:
            parts.append(text[start:at].strip())
            start = at + 1
        at += 1
    return [*parts, text[start:].strip()]
