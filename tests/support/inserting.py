"""Rows of records put straight into a database, as a sink would put them, without a log between."""

from __future__ import annotations

from typing import Any

from pipeline.canonical import digest
from pipeline.clickhouse import ClickHouse
from schemas.codec import encode
from schemas.records import Record, TraceAssembled
from sinks.blocks import Entry, block_of, columns
from sinks.rows import Position, rows_of
from tests.support.finished import document_of


def insert(
    clickhouse: ClickHouse,
    record: Record,
    offset: int,
    topic: str = "topic",
    document: dict[str, Any] | None = None,
) -> None:
    """One record as a block of its own; a revision has so many notes as events, where no document is given.

    The same record at the same offset is the same block, another one is not: tests need not count offsets.
    """
    if document is None and isinstance(record, TraceAssembled):
        document = document_of(record.trace_id, record.event_count, record.revision)
    block = block_of(topic, 0, [Entry(offset, rows_of(record, Position(topic, 0, offset), document))])
    about = digest(encode(record))
    for table, rows in block.rows.items():
        clickhouse.insert(table, *columns(rows), f"{block.token(table)}-{about}")


def rows_about(clickhouse: ClickHouse, view: str, trace_id: str, order: str = "1") -> list[dict[str, Any]]:
    """All rows of a trace."""
    return clickhouse.rows(f"SELECT * FROM {view} WHERE trace_id = {{id:String}} ORDER BY {order}", {"id": trace_id})
