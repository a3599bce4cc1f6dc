"""One range of bytes is served; what cannot be read means the whole file; what does not exist is refused."""

import pytest

from ingest_gateway.problems import RANGE_UNSATISFIABLE, Problem
from ingest_gateway.ranges import part

ETAG = '"abc"'


@pytest.mark.parametrize(
    ("asked", "wanted"),
    [
        ("bytes=0-4", (0, 5)),
        ("Bytes=3-", (3, 10)),
        ("bytes=3-3", (3, 4)),
        ("bytes=5-99999", (5, 10)),
        ("bytes=-4", (6, 10)),
        ("bytes=-99", (0, 10)),
        (None, None),
        ("bytes=4-3", None),
        ("bytes=0-1,3-4", None),
        ("lines=1-2", None),
        ("bytes=-", None),
        ("bytes=\u0663-", None),
        ("bytes=" + "9" * 30 + "-", None),
    ],
)
def test_parts(asked: str | None, wanted: tuple[int, int] | None) -> None:
    assert part(asked, None, ETAG, 10) == wanted


@pytest.mark.parametrize(("asked", "size"), [("bytes=10-", 10), ("bytes=10-12", 10), ("bytes=-0", 10), ("bytes=0-", 0)])
def test_a_range_without_a_byte_is_refused(asked: str, size: int) -> None:
    with pytest.raises(Problem) as problem:
        part(asked, None, ETAG, size)
    assert problem.value.kind is RANGE_UNSATISFIABLE
    assert problem.value.response().headers["Content-Range"] == f"bytes */{size}"


def test_a_condition_that_fails_means_the_whole_file() -> None:
    assert part("bytes=0-1", ETAG, ETAG, 10) == (0, 2)
    assert part("bytes=0-1", '"other"', ETAG, 10) is None
