"""docs/evidence.md has every pair and the verdicts that the slow suite holds the sandbox to."""

from __future__ import annotations

from pathlib import Path

from tests.evidence.pairs import DIGESTS, PAIRS
from tests.evidence.trials import WAYS, distributions

DOCUMENT = Path(__file__).parents[2] / "docs" / "evidence.md"


def _rows() -> dict[str, dict[str, str]]:
    """Verdicts by way, by the pair's name, as the document has them."""
    lines = (line.strip("| ").split(" | ") for line in DOCUMENT.read_text().splitlines() if line.startswith("| "))
    cells = [line for line in lines if line[0] in DIGESTS]
    return {f"{c[0]} {c[1].replace(', ', ' -> ')}": dict(zip(WAYS, c[4:], strict=True)) for c in cells}


def test_the_document_has_every_verdict() -> None:
    expected = {pair.name: {way: said.replace("/", " ") for way, said in pair.expected.items()} for pair in PAIRS}
    assert _rows() == expected


def test_every_release_has_one_digest() -> None:
    listed = {(package, version) for package, versions in DIGESTS.items() for version in versions}
    assert {wanted[:2] for wanted in distributions(PAIRS)} == listed


def test_every_way_has_an_expected_verdict() -> None:
    assert all(set(pair.expected) == set(WAYS) for pair in PAIRS)
