"""Avro single-object encoding of records: C3 01, the 8-byte CRC-64-AVRO fingerprint of the writer's schema, the body.

Every schema ever released is kept under avro/history/, so bytes of any age stay readable: they are read with the
schema that wrote them and resolved to today's. Format: Avro specification, "Single-object encoding".
"""

import dataclasses
import io
import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

import fastavro
from fastavro.schema import fingerprint, parse_schema, to_parsing_canonical_form

from schemas.records import RECORDS, Record

AVRO = Path(__file__).parent / "avro"
MAGIC = b"\xc3\x01"
HEADER = len(MAGIC) + 8


class UndecodableRecord(ValueError):
    """The bytes are no record of ours: wrong magic, unknown fingerprint, or a damaged body."""


def schema_fingerprint(schema: dict[str, Any]) -> bytes:
    """CRC-64-AVRO of the schema's parsing canonical form, little-endian, 8 bytes."""
    return bytes.fromhex(fingerprint(to_parsing_canonical_form(schema), "CRC-64-AVRO"))


@cache
def current_schema(name: str) -> dict[str, Any]:
    """Today's schema of the named record, as JSON."""
    schema: dict[str, Any] = json.loads((AVRO / f"{name}.avsc").read_text())
    return schema


@cache
def _reader(name: str) -> Any:
    return parse_schema(current_schema(name), named_schemas={})


@cache
def _prefix(name: str) -> bytes:
    return MAGIC + schema_fingerprint(current_schema(name))


@cache
def _writers() -> dict[bytes, tuple[str, Any]]:
    """Fingerprint -> (record name, parsed writer schema), of every schema ever released."""
    schemas = [json.loads(path.read_text()) for path in sorted((AVRO / "history").glob("*.avsc"))]
    return {schema_fingerprint(s): (s["name"], parse_schema(s, named_schemas={})) for s in schemas}


def _builder(hint: Any) -> Callable[[Any], Any] | None:
    """How to turn Avro's plain value into the annotated Python one; None where they are the same."""
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        return lambda value: build(hint, value)
    if get_origin(hint) is tuple:
        item = _builder(get_args(hint)[0])
        return (lambda values: tuple(map(item, values))) if item else tuple
    return None


@cache
def _builders(record: type) -> tuple[tuple[str, Callable[[Any], Any]], ...]:
    hints = get_type_hints(record).items()
    return tuple((name, builder) for name, hint in hints if (builder := _builder(hint)))


def build(record: type[Any], fields: dict[str, Any]) -> Any:
    """An instance of a frozen record from Avro's plain dict."""
    for name, builder in _builders(record):  # type: ignore[arg-type]  # mypy: a class is hashable
        fields[name] = builder(fields[name])
    return record(**fields)


def _flattener(hint: Any) -> Callable[[Any], Any] | None:
    """The way back of `_builder`; None where Avro's value is the Python one."""
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        return plain
    if get_origin(hint) is tuple:
        item = _flattener(get_args(hint)[0])
        return (lambda values: list(map(item, values))) if item else list
    return None


@cache
def _flatteners(record: type) -> tuple[tuple[str, Callable[[Any], Any] | None], ...]:
    return tuple((name, _flattener(hint)) for name, hint in get_type_hints(record).items())


def plain(record: Any) -> dict[str, Any]:
    """A record as Avro's plain dict; nested records too. Bytes and strings are not copied."""
    flatteners = _flatteners(type(record))  # type: ignore[arg-type]  # mypy: a class is hashable
    return {name: to(getattr(record, name)) if to else getattr(record, name) for name, to in flatteners}


def encode(record: Record) -> bytes:
    """The record's bytes, as they stand in a topic."""
    name = type(record).__name__
    out = io.BytesIO()
    out.write(_prefix(name))
    fastavro.schemaless_writer(out, _reader(name), plain(record))
    return out.getvalue()


def decode(data: bytes | None) -> Record:
    """The record in the bytes, whichever released schema wrote them.

    Raises UndecodableRecord where the bytes are not one of ours.
    """
    if data is None or data[:2] != MAGIC or len(data) < HEADER:
        raise UndecodableRecord("not Avro single-object encoded (no C3 01 header)")
    known = _writers().get(data[2:HEADER])
    if known is None:
        raise UndecodableRecord(f"unknown writer schema {data[2:HEADER].hex()}: is this reader older than the writer?")
    name, writer = known
    try:
        body = io.BytesIO(data[HEADER:])
        fields: Any = fastavro.schemaless_reader(body, writer, _reader(name))
        if body.read(1):
            raise ValueError("bytes after its end")
        record: Record = build(RECORDS[name], fields)
    except Exception as error:  # fastavro raises a different type for every kind of damage
        raise UndecodableRecord(f"damaged {name}: {error!r}") from error
    return record
