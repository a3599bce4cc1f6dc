"""An export is whole or goes on: cut anywhere, with traces that are erased under its hands."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Collection
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipeline.exports import running
from pipeline.exports.formats import FORMATS
from pipeline.exports.reading import Unit
from pipeline.exports.running import Asked, Export, OtherExport
from pipeline.exports.splits import NAMES, Splits, repository
from pipeline.exports.view import View
from tests.support.exports import Stored, view

ASKED = Asked(
    format="chat",
    selection={"where": "1", "seed": 0},
    purpose="training",
    splits="60/20/20",
    seed=4,
    keep_participants=False,
)
BATCH = 50
MANY = [view(number, participant_id=f"p-{number % 3}") for number in range(2 * BATCH + 20)]
UNITS = [Unit((one.id,), one.trace["repo_origin"]) for one in MANY]


@pytest.fixture(autouse=True)
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that few views are several batches."""
    monkeypatch.setattr(running, "BATCH", BATCH)


class Cut(BaseException):
    """The process ends here."""


def export(folder: Path, **changes: Any) -> Export:
    asked = replace(ASKED, **changes)
    return Export(folder, asked, FORMATS[asked.format], Splits((60, 20, 20), asked.seed), part_bytes=40_000)


def run(folder: Path, stored: Stored, **changes: Any) -> Export:
    with closing(export(folder, **changes)) as work:
        work.begin(lambda: iter(UNITS))
        while work.advance(stored):
            pass
        work.sweep(stored)
        work.finish("cc-by-4.0")
    return work


def lines(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for path in sorted(folder.glob("data/*.jsonl")) for line in path.read_bytes().splitlines()]


def files(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.glob("[!.]*/**/*")) if path.is_file()
    }


def cut_at(number: int) -> Any:
    left = iter(range(number, -1, -1))

    def meanwhile(_: str) -> None:
        if next(left) == 0:
            raise Cut

    return meanwhile


def test_every_trace_is_there_once_in_the_split_of_its_repository(tmp_path: Path) -> None:
    work = run(tmp_path, Stored(MANY))
    found = lines(tmp_path)
    assert sorted(line["trace_id"] for line in found) == [one.id for one in MANY]
    where: dict[str, set[str]] = {}
    for path in tmp_path.glob("data/*.jsonl"):
        for line in path.read_bytes().splitlines():
            where.setdefault(repository(json.loads(line)["repo"]), set()).add(path.name.split("-")[0])
    assert {len(splits) for splits in where.values()} == {1}
    assert len({*map(str, where.values())}) > 1
    assert len(list(tmp_path.glob("data/*.jsonl"))) > len(NAMES), "full parts are followed by others"
    assert sum(work.counts["split"].values()) == len(MANY)


@pytest.mark.parametrize("name", ["chat", "atif"])
@pytest.mark.parametrize("number", [0, 3, BATCH - 1, BATCH, BATCH + 7, 2 * BATCH + 19])
def test_cut_anywhere_it_goes_on_to_the_same_files(tmp_path: Path, name: str, number: int) -> None:
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    run(whole, Stored(MANY), format=name, keep_participants=True)
    stored = Stored(MANY)
    stored.meanwhile = cut_at(number)
    with pytest.raises(Cut):
        run(cut, stored, format=name, keep_participants=True)
    stored.meanwhile = lambda _: None
    resumed = run(cut, stored, format=name, keep_participants=True)
    assert files(cut) == files(whole)
    assert (cut / "README.md").read_text() == (whole / "README.md").read_text()
    assert resumed.counts["split"]


def test_bytes_that_a_dead_process_left_are_taken_away(tmp_path: Path) -> None:
    work = export(tmp_path)
    work.begin(lambda: iter(UNITS))
    work.advance(Stored(MANY))
    for path in tmp_path.glob("data/*.jsonl"):
        path.write_bytes(path.read_bytes() + b'{"torn')
    (tmp_path / "data" / "train-00099.jsonl").write_text("x")
    (tmp_path / "data" / ".train-00000.jsonl.new").write_text("x")
    run(tmp_path, Stored(MANY))
    assert len(lines(tmp_path)) == len(MANY)
    assert not (tmp_path / "data" / ".train-00000.jsonl.new").exists()


@pytest.mark.parametrize("name", ["chat", "atif"])
def test_who_is_erased_while_a_batch_is_written_is_not_in_it(tmp_path: Path, name: str) -> None:
    stored = Stored(MANY)
    stored.meanwhile = lambda seen: stored.erased.add(MANY[3].id) if seen == MANY[10].id else None
    work = run(tmp_path, stored, format=name)
    assert MANY[3].id.encode() not in b"".join([*files(tmp_path).values(), *map(str.encode, files(tmp_path))])
    assert MANY[4].id.encode() in b"".join([*files(tmp_path).values(), *map(str.encode, files(tmp_path))])
    assert sum(work.counts["left out"].values()) == 1


@pytest.mark.parametrize("name", ["chat", "atif"])
def test_who_is_erased_after_being_written_is_taken_out_at_the_end(tmp_path: Path, name: str) -> None:
    stored = Stored(MANY)
    last = MANY[-1].id
    stored.meanwhile = lambda seen: stored.erased.add(MANY[3].id) if seen == last else None
    work = run(tmp_path, stored, format=name)
    assert work.counts["taken out"] == {"erased, or its consent or revision changed since": 1}
    assert MANY[3].id.encode() not in b"".join([*files(tmp_path).values(), *map(str.encode, files(tmp_path))])
    stored.erased.add(MANY[5].id)
    assert run(tmp_path, stored, format=name).counts["taken out"].popitem()[1] == 2, "so does the same command later"
    assert MANY[5].id.encode() not in b"".join([*files(tmp_path).values(), *map(str.encode, files(tmp_path))])


@pytest.mark.parametrize(
    "changed",
    [
        replace(MANY[2], trace={**MANY[2].trace, "revision": 2}),
        replace(MANY[2], validation={"verdict": "flaky", "level": ""}),
    ],
    ids=["revision", "verdict"],
)
def test_what_changes_meanwhile_is_not_mixed_in(tmp_path: Path, changed: View) -> None:

    class Amended(Stored):
        amended = False

        def views(self, ids: Any, /) -> dict[str, View]:
            found = super().views(ids)
            return {name: changed if self.amended and name == changed.id else one for name, one in found.items()}

    stored = Amended(MANY)
    stored.meanwhile = lambda _: setattr(stored, "amended", True)
    run(tmp_path, stored)
    assert changed.id not in {line["trace_id"] for line in lines(tmp_path)}


def test_a_folder_is_of_one_export(tmp_path: Path) -> None:
    run(tmp_path, Stored(MANY))
    with pytest.raises(OtherExport, match="other options"):
        run(tmp_path, Stored(MANY), purpose="research")


def test_participants_have_pseudonyms_of_this_export_alone(tmp_path: Path) -> None:
    def named(folder: Path, **changes: Any) -> list[str]:
        run(folder, Stored(MANY), format="atif", **changes)
        read = [json.loads(path.read_bytes()) for path in sorted(folder.glob("trajectories/*/*"))]
        return [one["extra"]["pr_telemetry"]["trace"]["participant_id"] for one in read]

    first, second = named(tmp_path / "a"), named(tmp_path / "b")
    assert len(set(first)) == len(set(second)) == 3
    assert not set(first) & set(second)
    assert set(named(tmp_path / "c", keep_participants=True)) == {"p-0", "p-1", "p-2"}
    assert b"p-0" not in b"".join(files(tmp_path / "a").values())


def test_the_card_says_what_is_in_there(tmp_path: Path) -> None:
    stored = Stored([*MANY[:-1], replace(MANY[-1], events=())])
    run(tmp_path, stored)
    text = (tmp_path / "README.md").read_text()
    head = yaml.safe_load(text.split("---")[1])
    assert head["license"] == "cc-by-4.0"
    [config] = head["configs"]
    for file in config["data_files"]:
        assert list(tmp_path.glob(file["path"]))
        assert file["path"] == f"data/{file['split']}-*.jsonl"
    assert f"{len(MANY) - 1} traces" in text
    assert "every participant consented to `training`" in text
    assert "| rubric 1.0 sha256:aa | 119 |" in text
    assert "| heuristic sha256:bb | 119 |" in text
    assert "| assignment | 238 |" in text
    assert "| email | 119 |" in text
    assert "| acme | 119 |" in text
    assert "1 |" in text.split("Selected and left out")[1]


def test_memory_does_not_grow_with_the_traces(tmp_path: Path) -> None:
    def peak(many: int) -> int:
        class Made(Stored):
            def views(self, ids: Any, /) -> dict[str, View]:
                return {name: replace(view(int(name[6:], 16)), events=()) for name in ids}

            def whole(self, views: Collection[View], tests: bool, /) -> dict[str, View]:
                return {one.id: view(int(one.id[6:], 16)) for one in views}

        work = export(tmp_path / str(many))
        tracemalloc.start()
        work.begin(lambda: (Unit((view(number).id,), "r") for number in range(many)))
        while work.advance(Made([])):
            pass
        work.sweep(Made([]))
        highest = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return highest

    peak(BATCH)  # what is loaded once
    assert peak(20 * BATCH) < 1.5 * peak(2 * BATCH) + 3_000_000
