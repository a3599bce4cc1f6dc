"""Part files as Parquet beside their JSON lines. Needs pyarrow, the extra `export`; nothing else here imports it."""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

import orjson

ROWS = 1000
"""Rows of a group: what is in memory at once."""


class NoParquet(Exception):
    """pyarrow is not installed; the text says how to get it."""


def require() -> None:
    """Raises NoParquet."""
    try:
        importlib.import_module("pyarrow.parquet")
    except ImportError:
        raise NoParquet("Parquet needs pyarrow: pip install 'pr-telemetry[export]'") from None


def write_beside(lines: Path, columns: Mapping[str, Any]) -> Path:
    """The Parquet file of a file of JSON lines, made anew where there is none. It is there whole or not at all."""
    target = lines.with_suffix(".parquet")
    if not target.exists():
        fresh = target.with_name(f".{target.name}.new")
        _write(lines, fresh, columns)
        with fresh.open("rb") as file:
            os.fsync(file.fileno())
        fresh.replace(target)
    return target


def _write(lines: Path, target: Path, columns: Mapping[str, Any]) -> None:
    arrow, parquet = importlib.import_module("pyarrow"), importlib.import_module("pyarrow.parquet")
    schema = arrow.schema([(name, _type(arrow, of)) for name, of in columns.items()])
    with lines.open("rb") as source, parquet.ParquetWriter(target, schema, compression="zstd") as writer:
        for rows in _batches(map(orjson.loads, source)):
            writer.write_table(arrow.Table.from_pylist(rows, schema=schema))


def _type(arrow: Any, of: Any) -> Any:
    if isinstance(of, list):
        return arrow.list_(_type(arrow, of[0]))
    if isinstance(of, Mapping):
        return arrow.struct([(name, _type(arrow, inner)) for name, inner in of.items()])
    return getattr(arrow, of)()


def _batches(rows: Iterator[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    while batch := list(islice(rows, ROWS)):
        yield batch
