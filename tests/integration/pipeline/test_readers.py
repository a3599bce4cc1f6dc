"""Every format over every real session is read by the project that owns the format."""

from pathlib import Path

import pytest

from pipeline.exports.formats import FORMATS
from tests.support.readers import Readers, installed
from tests.support.reading_exports import read_back
from tests.support.real_views import export_real

pytestmark = [pytest.mark.slow, pytest.mark.integration, pytest.mark.timeout(1800)]


@pytest.fixture(scope="module")
def readers(tmp_path_factory: pytest.TempPathFactory) -> Readers:
    """The readers, in an environment of their own."""
    return installed(tmp_path_factory.mktemp("readers"))


@pytest.mark.parametrize("parquet", [False, True], ids=["lines", "parquet"])
@pytest.mark.parametrize("name", FORMATS)
def test_its_own_readers_read_it(readers: Readers, tmp_path: Path, name: str, parquet: bool) -> None:
    if parquet and not FORMATS[name].columns:
        pytest.skip("written as documents, not as lines")
    export_real(tmp_path, name, parquet)
    read_back(readers, tmp_path, name)


def test_scores_that_come_late_do_not_break_the_loading_of_lines(readers: Readers, tmp_path: Path) -> None:
    export_real(tmp_path, "chat")
    first = sorted(tmp_path.glob("data/*.jsonl"))[0]
    first.write_bytes(first.read_bytes().replace(b'"overall":4.5', b'"overall":null'))
    read_back(readers, tmp_path, "chat")


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("atif", b'"step_id":2', b'"step_id":3'),
        ("ctrf", b'"status":"passed"', b'"status":"green"'),
        ("junit", b"<testsuites ", b'<testsuites skipped="1" '),
        ("session-trace", b'"type":"session"', b'"type":"header"'),
        ("chat", b'"role":"assistant"', b'"role":"user"'),
        ("swe-bench", b'"FAIL_TO_PASS":"[', b'"FAIL_TO_PASS":"'),
    ],
)
def test_the_readers_would_refuse_what_is_wrong(
    readers: Readers, tmp_path: Path, name: str, old: bytes, new: bytes
) -> None:
    export_real(tmp_path, name)
    for file in tmp_path.glob("[!.]*/**/*.*"):
        file.write_bytes(file.read_bytes().replace(old, new))
    with pytest.raises(AssertionError):
        read_back(readers, tmp_path, name)
