"""docs/findings.md names the findings that there are."""

from schemas.findings import MEANINGS, Kind
from tests.support.findings import DOC, with_table


def test_its_table_is_that_of_the_code() -> None:
    text = DOC.read_text()
    assert with_table(text) == text


def test_every_kind_has_a_meaning() -> None:
    assert list(MEANINGS) == list(Kind)
