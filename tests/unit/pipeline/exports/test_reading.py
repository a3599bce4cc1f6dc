"""What an answer that breaks off says: what is wrong, instead of a traceback or half a plan."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from urllib3.exceptions import ProtocolError

from pipeline.clickhouse import ClickHouse, QueryFailed
from pipeline.errors import Retryable
from pipeline.exports.reading import Reader
from pipeline.selection import Selection
from pipeline.settings import ClickHouseSettings
from tests.support.exports import trace_id

ROW = b'{"good":["%s"],"others":[],"repo":"r"}' % trace_id(1).encode()


class Answer:
    """A streamed answer in pieces; the connection may end before it does."""

    def __init__(self, *pieces: bytes | Exception) -> None:
        self._pieces: Iterator[bytes | Exception] = iter(pieces)

    def __enter__(self) -> Answer:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def read(self, _: int) -> bytes:
        piece = next(self._pieces, b"")
        if isinstance(piece, Exception):
            raise piece
        return piece


def planned(monkeypatch: pytest.MonkeyPatch, *pieces: bytes | Exception) -> list[tuple[str, ...]]:
    asked: list[str] = []

    def run(_: ClickHouse, method: str, sql: str, **options: Any) -> Answer:
        asked.append(sql)
        return Answer(*pieces)

    monkeypatch.setattr(ClickHouse, "_run", run)
    monkeypatch.setattr(ClickHouse, "raw", lambda *_: b"")  # what checks the condition
    monkeypatch.setattr(ClickHouse, "rows", lambda *_: [])
    reader = Reader(ClickHouse(ClickHouseSettings(), analyst=True), "training")
    found = [unit.traces for unit in reader.plan(Selection(where="intact"), "traces")]
    assert "(consent = 'training') AND (\nintact\n)" in asked[0]
    return found


def test_rows_are_put_together_from_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    text = ROW + b"\n" + ROW
    assert planned(monkeypatch, text[:5], text[5:60], text[60:]) == [(trace_id(1),)] * 2


def test_an_error_at_the_end_is_that_of_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(QueryFailed, match="Code: 241"):
        planned(monkeypatch, ROW + b"\nCode: 241. DB::Exception: Memory limit exceeded")


def test_a_connection_that_breaks_is_one_to_try_again(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Retryable, match="broke off"):
        planned(monkeypatch, ROW, ProtocolError("connection broken"))
