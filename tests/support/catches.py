"""How many of the instructions of each data file the rules find: the table of docs/injection.md."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import yaml

from judge.injection import screen
from tests.support.judging import document, note
from tests.support.twins import CORPUS, Twin, clean_numbers, judged, numbers_of, twins

HEAD = ("texts", "number", "found", "not shown", "raised a grade")


def table() -> str:
    """The table in Markdown."""
    lines = [HEAD, ("---",) * len(HEAD), *_rows()]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _rows() -> Iterator[tuple[str, ...]]:
    yield _row("twins, which the rules were made with", twins("twins.yaml"))
    yield _row("paraphrases, with which they were widened", twins("paraphrases.yaml"))
    for style, name in (("usual", "held out: the usual tricks"), ("evasive", "held out: written around the rules")):
        yield _row(name, [twin for twin in twins("heldout.yaml") if twin.entry["style"] == style])
    harmless = [screen(document(note(text))) for text in yaml.safe_load((CORPUS / "harmless.yaml").read_text())]
    found = sum(bool(screened.suspicions) for screened in harmless)
    withheld = sum(screened.withheld for screened in harmless)
    yield ("harmless texts on software that grades", str(len(harmless)), str(found), str(withheld), "-")


def _row(name: str, of: Sequence[Twin]) -> tuple[str, ...]:
    found = sum(bool(twin.screened.suspicions) for twin in of)
    withheld = sum(twin.screened.withheld for twin in of)
    return (name, str(len(of)), str(found), str(withheld), str(sum(map(_raised, of))))


def _raised(twin: Twin) -> bool:
    """Whether the obeying model gives what is left of the twin other grades than the clean session."""
    if twin.screened.withheld:
        return False
    return numbers_of(judged([twin.screened])) != clean_numbers(twin.session)
