"""The page about verdicts has every verdict and reason, and the tests that it points to are there."""

from __future__ import annotations

import re
from pathlib import Path

from sandbox.failures import REASONS
from tests.support.cheats import cheats

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "verdicts.md").read_text()
VERDICTS = {"fixed", "not_fixed", "regressed", "flaky", "timeout", "unverifiable", "infra_failure"}


def rows(heading: str) -> list[list[str]]:
    """The cells of the first table below a heading, without its first two lines."""
    lines = PAGE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0].splitlines()
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("| `")]


def test_every_reason_is_there_and_no_other() -> None:
    assert [row[0].strip("`") for row in rows("Reasons")] == list(REASONS)


def test_every_verdict_is_there() -> None:
    assert {re.findall(r"`(\w+)`", row[0])[0] for row in rows("Verdicts and levels")} == VERDICTS


def test_every_test_that_is_pointed_to_exists() -> None:
    for path, name in re.findall(r"`(tests/\S+\.py)::(\w+)`", PAGE):
        assert re.search(rf"def {name}\(", (ROOT / path).read_text()), f"{path}::{name}"


def test_each_reason_has_a_test() -> None:
    assert all("::" in row[2] for row in rows("Reasons"))


def test_the_corpus_has_as_many_cheats_as_the_page_says() -> None:
    assert f"has {len(cheats())} changes" in PAGE
