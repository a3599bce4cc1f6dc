"""Blocks of the Native format, framed for clients that name their version."""

from __future__ import annotations

import pytest

from deploy.embedded.clickhouse.failures import Failure
from deploy.embedded.clickhouse.native import framed
from deploy.embedded.clickhouse.query_request import query_request

INFO = bytes.fromhex("0100 02ffffffff 00")


def _text(value: str) -> bytes:
    return bytes([len(value)]) + value.encode()


def _word(value: int) -> bytes:
    return value.to_bytes(8, "little")


# Two rows of each: name, type, data.
COLUMNS = (
    ("n", "UInt16", b"\1\0\2\0"),
    ("s", "String", _text("it's") + _text("")),
    ("e", "Enum8('a, (b' = 1, 'c\\'' = 2)", b"\1\2"),
    ("t", "Nullable(DateTime64(6, 'UTC'))", b"\0\1" + _word(1) + _word(0)),
    ("d", "Decimal(18, 2)", _word(3) + _word(4)),
    ("a", "Array(String)", _word(0) + _word(2) + _text("x") + _text("yz")),
    (
        "l",
        "LowCardinality(Nullable(String))",
        _word(1) + _word(0x600) + _word(2) + _text("") + _text("k") + _word(2) + b"\1\0",
    ),
    ("q", "Array(Tuple(rule LowCardinality(String), seq UInt64))", _word(1) + _word(0) + _word(0)),
    ("m", "Map(String, UInt8)", _word(1) + _word(1) + _text("k") + b"\7"),
    ("p", "Tuple(FixedString(3), Float64)", b"abcdef" + _word(5) + _word(6)),
)
HEAD = bytes([len(COLUMNS), 2])
BLOCK = HEAD + b"".join(_text(name) + _text(kind) + data for name, kind, data in COLUMNS)
FRAMED = INFO + HEAD + b"".join(_text(name) + _text(kind) + b"\0" + data for name, kind, data in COLUMNS)


def test_each_column_gets_its_flag_and_each_block_its_info() -> None:
    assert b"".join(framed([BLOCK, BLOCK])) == FRAMED * 2
    assert b"".join(framed([BLOCK + BLOCK])) == FRAMED * 2


@pytest.mark.parametrize("size", [1, 7, 64])
def test_blocks_may_come_in_pieces(size: int) -> None:
    stream = BLOCK * 2
    assert b"".join(framed(stream[at : at + size] for at in range(0, len(stream), size))) == FRAMED * 2


def test_a_block_goes_out_as_soon_as_it_is_whole() -> None:
    pieces = framed([BLOCK + BLOCK[:-1], BLOCK[-1:]])
    assert [next(pieces), next(pieces)] == [FRAMED, FRAMED]


def test_a_block_without_rows_has_no_data() -> None:
    head = b"\1\0" + _text("s") + _text("LowCardinality(String)")
    assert b"".join(framed([head])) == INFO + head + b"\0"
    assert b"".join(framed([b""])) == b""


def test_what_the_engine_writes_amid_the_data_passes_as_it_is() -> None:
    assert b"".join(framed([BLOCK, b"\x7f\x7fbroken"])) == FRAMED + b"\x7f\x7fbroken"


@pytest.mark.parametrize("kind", ["JSON", "AggregateFunction(sum, UInt64)", "Array(Variant(String, UInt8))"])
def test_a_type_that_cannot_be_walked_is_refused_by_name(kind: str) -> None:
    block = b"\1\1" + _text("j") + _text(kind) + _word(1) * 4
    with pytest.raises(Failure, match="cast them to String") as refused:
        list(framed([block]))
    assert refused.value.code == 48


def test_a_version_must_be_a_number() -> None:
    assert query_request([("client_protocol_version", "54460")], {}).protocol_version == 54_460
    assert query_request([], {}).protocol_version == 0
    with pytest.raises(Failure, match="client protocol version"):
        query_request([("client_protocol_version", "new")], {})
