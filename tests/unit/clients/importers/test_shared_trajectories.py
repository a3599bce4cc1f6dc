"""What every importer owes: valid events that are linked, fit into chunks, and are the same each time."""

from collections import Counter
from pathlib import Path

import pytest

from clients.chunks import outputs_moved, split
from clients.importers import IMPORTERS
from schemas.api import CreateTrace
from schemas.events import EVENT_ADAPTER
from tests.support.data import PROJECT, shared_data
from tests.support.trajectories import COUNTS, FILES, PATTERNS, name_of, read

EACH_FILE = pytest.mark.parametrize("file", FILES, ids=name_of)


def test_all_shared_trajectories_are_there() -> None:
    folder = shared_data("trajectories")
    assert {pattern.partition("/")[0]: len(list(folder.glob(pattern))) for pattern in PATTERNS} == COUNTS


@EACH_FILE
def test_the_format_is_found_out_and_every_event_is_valid_and_linked_backwards(file: Path) -> None:
    for imported in read(file):
        known: set[str] = set()
        for seq, event in enumerate(imported.session.events):
            assert EVENT_ADAPTER.validate_python(event).seq == seq
            assert set(event.get("caused_by", ())) <= known
            assert event["id"] not in known
            known.add(event["id"])
        CreateTrace.model_validate(imported.session.trace.model_dump())


@EACH_FILE
def test_all_events_fit_into_chunks(file: Path) -> None:
    for imported in read(file):
        moved = list(outputs_moved(imported.session.events, lambda *_: f"artifact:sha256:{0:064x}"))
        assert sum(len(chunk) for chunk in split(moved)) == len(imported.session.events)


@EACH_FILE
def test_the_same_file_gives_the_same_sessions_and_losses(file: Path) -> None:
    first, second = read(file), read(file)
    assert [one.session for one in first] == [one.session for one in second]
    assert [one.loss.document() for one in first] == [one.loss.document() for one in second]
    assert all(one.loss.records > 0 for one in first)


def test_every_importer_names_itself_in_the_environment() -> None:
    formats = {one.session.trace.environment["source_format"] for file in FILES for one in read(file)}
    assert {name.partition("-1.")[0] for name in formats} <= set(IMPORTERS)


def counted(folder: str) -> str:
    """The row of docs/imports.md about one format."""
    imported = [one for file in FILES if file.parent.name == folder for one in read(file)]
    types = Counter(event["type"] for one in imported for event in one.session.events)
    lost = [field for one in imported for field in one.loss.fields.values()]
    paths = {path for one in imported for path in one.loss.fields}
    dropped = sum(one.loss.dropped.total() for one in imported)
    sizes = [f"{sum(sizes) / 1e6:.1f} MB" for sizes in ([f.bytes for f in lost], [f.repeated_bytes for f in lost])]
    numbers = [
        COUNTS[folder],
        len(imported),
        sum(one.loss.records for one in imported),
        types.total(),
        *(types[name] for name in ("rationale_note", "cmd_run", "test_run", "file_edit", "commit")),
    ]
    cells = [folder, *(f"{number:,}" for number in numbers)]
    lost_here = f"{dropped} records, {len(paths)} fields ({sizes[0]}, {sizes[1]} of it kept elsewhere)"
    return f"| {' | '.join(cells)} | {lost_here} |"


@pytest.mark.parametrize("folder", COUNTS)
def test_the_documentation_counts_what_is_read(folder: str) -> None:
    shared_data("trajectories")
    assert counted(folder) in (PROJECT / "docs" / "imports.md").read_text().splitlines()
