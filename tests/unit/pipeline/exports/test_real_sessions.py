"""Every format over every real session: nothing is lost on the way, and what is left out is counted."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from clients.importers import sessions
from clients.importers.content import Content
from pipeline.exports.formats import FORMATS
from tests.support.real_views import export_real, real_views, units

pyarrow_parquet: Any = pytest.importorskip("pyarrow.parquet", reason="pyarrow is not installed")


@pytest.mark.parametrize("name", FORMATS)
def test_every_unit_is_written_or_counted_as_left_out(tmp_path: Path, name: str) -> None:
    work = export_real(tmp_path, name, parquet=True)
    planned = list(units(FORMATS[name]))
    left_out = sum(work.counts.get("left out", {}).values())
    seen: Counter[str] = Counter()
    for file in tmp_path.glob("[!.]*/**/*"):
        part, split = file.relative_to(tmp_path).parts[0], file.relative_to(tmp_path).parts[1].split("-")[0]
        if file.suffix == ".parquet":
            assert pyarrow_parquet.read_table(file).num_rows == len(
                file.with_suffix(".jsonl").read_bytes().splitlines()
            )
        elif file.is_file():
            lines = FORMATS[name].columns
            seen[f"{part}/{split}"] += len(file.read_bytes().splitlines()) if lines else 1
    assert seen == work.counts["records"]
    if FORMATS[name].units == "traces" and not FORMATS[name].tests:
        assert seen.total() == len(planned) - left_out == len(real_views()) - left_out
    elif FORMATS[name].units != "traces":
        predicted = seen.total() - seen["instances/train"] - seen["instances/validation"] - seen["instances/test"]
        assert predicted == len(planned) - left_out
    assert planned


def test_trajectories_imported_again_are_the_same_sessions(tmp_path: Path) -> None:
    export_real(tmp_path, "atif")
    stored = {one.id: one for one in real_views()}
    files = list(tmp_path.glob("trajectories/*/*.json"))
    assert {file.stem for file in files} == set(stored)
    for file in files:
        [imported] = sessions("atif", Content(file.read_bytes()))
        assert list(imported.session.events) == list(stored[file.stem].events)
        assert (imported.loss.fields, imported.loss.dropped) == ({}, {})


def test_no_file_of_predictions_has_two_of_one_instance(tmp_path: Path) -> None:
    export_real(tmp_path, "swe-bench")
    files = sorted(tmp_path.glob("predictions/*.jsonl"))
    found = {file.name: [json.loads(line)["instance_id"] for line in file.read_bytes().splitlines()] for file in files}
    assert {name for name, ids in found.items() if len(ids) > len(set(ids))} == set()
    assert {name.split("-", 1)[1] for name in found} >= {"00000.jsonl", "attempt-002-00000.jsonl"}
