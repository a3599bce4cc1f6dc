"""Checkpoints of the Merkle log: its name, size and root in a signed note (https://c2sp.org/tlog-checkpoint). Pure."""

import base64
import re
from collections.abc import Iterable
from dataclasses import dataclass

from pipeline.merkle import HASH_BYTES
from pipeline.notes import BadNote, NoteSigner, VerifierKey, open_note

SIZE = re.compile(r"0|[1-9][0-9]{0,18}")
FEWEST_LINES = 3


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The head of a log. `extensions` are further lines; those that we publish have none."""

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()

    def text(self) -> str:
        """The text that is signed."""
        lines = (self.origin, str(self.size), base64.b64encode(self.root).decode(), *self.extensions)
        return "".join(f"{line}\n" for line in lines)


@dataclass(frozen=True, slots=True)
class Signed:
    """A checkpoint that a known key signed, and when, seconds since the epoch; None where the signer gave no time."""

    checkpoint: Checkpoint
    time_s: int | None


def parse_text(text: str) -> Checkpoint:
    """The checkpoint that a note's text spells. Raises BadNote."""
    *lines, end = text.split("\n")
    if end or len(lines) < FEWEST_LINES or not all(lines) or not SIZE.fullmatch(lines[1]):
        raise BadNote("a checkpoint is a name, a size, a root, and lines that are not empty")
    origin, size, root, *extensions = lines
    return Checkpoint(origin, int(size), _root(root), tuple(extensions))


def _root(text: str) -> bytes:
    try:
        root = base64.b64decode(text, validate=True)
    except ValueError:
        root = b""
    if len(root) != HASH_BYTES or base64.b64encode(root).decode() != text:
        raise BadNote("a root is 32 bytes in base64")
    return root


def sign_checkpoint(checkpoint: Checkpoint, signer: NoteSigner, time_s: int) -> str:
    """The checkpoint as a note, with the time at which it was signed, seconds since the epoch."""
    return signer.sign(checkpoint.text(), time_s)


def open_checkpoint(note: str, keys: Iterable[VerifierKey]) -> Signed:
    """The checkpoint that one of these keys signed for the log of its own name. Raises BadNote."""
    opened = open_note(note, keys)
    checkpoint = parse_text(opened.text)
    if checkpoint.origin != opened.key.name:
        raise BadNote(f"{opened.key.name} has signed for another log, {checkpoint.origin}")
    return Signed(checkpoint, opened.time_s)
