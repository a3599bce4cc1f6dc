"""What importers share: their one error, what they return, and text made acceptable to the server."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from clients.importers.loss import Loss
from clients.recorded import Session

# Under the server's chunk limit even if every character takes the six bytes of a JSON escape.
PIECE_CHARS = 30_000
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


class NotThisFormat(ValueError):
    """The file is not what its importer reads."""


@dataclass(frozen=True, slots=True)
class Imported:
    """One session of a source, and what of the source is not in it."""

    session: Session
    loss: Loss


def acceptable(text: str) -> str:
    """`text` with NUL and lone surrogates, which the server refuses, written out as their JSON escapes."""
    return _UNSTORABLE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def pieces(text: str) -> Iterator[str]:
    """`text` cut so that each piece fits into an event; joined they are `text` again."""
    for start in range(0, len(text), PIECE_CHARS):
        yield text[start : start + PIECE_CHARS]
