"""Parquet says what the lines say, is whole or absent, and follows when a trace is taken out."""

from __future__ import annotations

import json
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from pipeline.exports import parquet
from pipeline.exports.formats import FORMATS
from tests.support.exports import Stored
from tests.unit.pipeline.exports.test_running import MANY, UNITS, export, lines

pyarrow_parquet: Any = pytest.importorskip("pyarrow.parquet", reason="pyarrow is not installed")


def run(folder: Path, stored: Stored) -> list[dict[str, Any]]:
    with closing(export(folder)) as work:
        work.begin(lambda: iter(UNITS))
        while work.advance(stored):
            pass
        work.sweep(stored)
        work.finish("mit", parquet=True)
    files = sorted(folder.glob("data/*.parquet"))
    assert [file.stem for file in files] == [file.stem for file in sorted(folder.glob("data/*.jsonl"))]
    return [row for file in files for row in pyarrow_parquet.read_table(file).to_pylist()]


def test_it_has_the_rows_of_the_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet, "ROWS", 7)
    assert run(tmp_path, Stored(MANY)) == lines(tmp_path)
    assert "data/train-*.parquet" in (tmp_path / "README.md").read_text()


def test_who_is_erased_later_is_taken_out_of_it_too(tmp_path: Path) -> None:
    stored = Stored(MANY)
    run(tmp_path, stored)
    stored.erased.add(MANY[3].id)
    assert MANY[3].id not in {row["trace_id"] for row in run(tmp_path, stored)}


def test_what_a_dead_process_left_is_replaced(tmp_path: Path) -> None:
    run(tmp_path, Stored(MANY))
    whole = next(tmp_path.glob("data/*.parquet"))
    content = whole.read_bytes()
    whole.rename(whole.with_name(f".{whole.name}.new"))
    assert len(run(tmp_path, Stored(MANY))) == len(MANY)
    assert whole.read_bytes() == content
    assert not list(tmp_path.glob("data/.*"))


@pytest.mark.parametrize("name", [name for name, form in FORMATS.items() if form.columns])
def test_every_format_of_lines_has_a_schema(tmp_path: Path, name: str) -> None:
    for part, columns in FORMATS[name].columns.items():
        empty = dict.fromkeys(columns)
        file = tmp_path / f"{part}.jsonl"
        file.write_text(json.dumps(empty) + "\n")
        table = pyarrow_parquet.read_table(parquet.write_beside(file, columns))
        assert table.to_pylist() == [empty]


def test_without_pyarrow_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    with pytest.raises(parquet.NoParquet, match="pip install"):
        parquet.require()
