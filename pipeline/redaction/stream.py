"""Redaction of a stream in bounded memory: the same bytes as redaction of the whole, however the stream is cut.

Whole lines leave as soon as no secret can reach over them; a private key, or a command continued by backslashes, is
held together. A line that grows too long leaves up to OVERLAP before its end. A secret longer than that may lose its
hold: what of it is not seen as one goes, too, as far as it looks like one.
"""

import re
from collections import Counter

from pipeline.redaction.engine import NOTHING, Found, find, replaced
from pipeline.redaction.rules import candidates

LONGEST = 262_144
OVERLAP = 16_384
# What is looked at together: short looks cost more than their share.
BLOCK = 65_536
KEY_BEGINS = re.compile(rb"-----BEGIN[ A-Z0-9]{0,40}PRIVATE KEY(?: BLOCK)?-----")
KEY_ENDS = re.compile(rb"-----END[ A-Z0-9]{0,40}PRIVATE KEY(?: BLOCK)?-----")
REST_OF_SECRET = re.compile(rb"[A-Za-z0-9+/=_.~\-\s\\]*")
CONTINUED = (b"\\", b"\\\r")


class StreamRedactor:
    """Feed pieces, then close. Holds at most LONGEST bytes and the piece fed. Adds to `counts`, by rule."""

    def __init__(self, key: bytes, counts: Counter[str], personal: frozenset[str] = NOTHING) -> None:
        self._key = key
        self._counts = counts
        self._personal = personal
        # The byte before the rest has left already; it tells whether a word begins at the rest.
        self._before = b""
        self._rest = bytearray()
        self._enough = BLOCK
        self._in_secret = False

    def feed(self, piece: bytes) -> bytes:
        """What can leave now; often nothing."""
        self._rest += piece
        left = []
        while len(self._rest) >= self._enough:
            part = self._leave()
            self._enough = BLOCK if part else max(BLOCK, min(LONGEST, 2 * len(self._rest)))
            left.append(part)
        return b"".join(left)

    def close(self) -> bytes:
        """What is left."""
        self._skip_secret()
        text = self._before + bytes(self._rest)
        self._rest.clear()
        return self._without_secrets(text, self._found(text), len(text))

    def _leave(self) -> bytes:
        """The longest part of the rest that can leave; never nothing where LONGEST bytes are held."""
        self._skip_secret()
        window = bytes(self._rest[:LONGEST])
        text, first = self._before + window, len(self._before)
        found = self._found(text)
        full = len(window) == LONGEST
        cut = _outside(found, _line_cut(text, first, full), first, full)
        if cut <= first:
            return b""
        self._in_secret = any(place.end == cut == len(text) for place in found)
        left = self._without_secrets(text, found, cut)
        self._before = text[cut - 1 : cut]
        del self._rest[: cut - first]
        return left

    def _found(self, text: bytes) -> list[Found]:
        return [place for place in find(text, candidates(text, self._personal)) if place.start >= len(self._before)]

    def _without_secrets(self, text: bytes, found: list[Found], cut: int) -> bytes:
        leaving = [place for place in found if place.end <= cut]
        return replaced(text[:cut], leaving, self._key, self._counts)[len(self._before) :]

    def _skip_secret(self) -> None:
        if self._in_secret:
            rest_of_secret = REST_OF_SECRET.match(self._rest)
            del self._rest[: rest_of_secret.end() if rest_of_secret else 0]
            self._in_secret = bool(not self._rest)


def _line_cut(text: bytes, first: int, full: bool) -> int:
    """Up to where lines can leave; 0 for nowhere. `full`: something must leave."""
    opened = _opened_key(text)
    cut = _line_end(text, opened)
    if cut > first or not full:
        return cut
    if opened > first:
        return min(opened, len(text) - OVERLAP)
    return _line_end(text, len(text) - OVERLAP) or len(text) - OVERLAP


def _opened_key(text: bytes) -> int:
    """Where a private key begins that does not end, or the end of the text."""
    ended = max((match.end() for match in KEY_ENDS.finditer(text)), default=0)
    begins = KEY_BEGINS.search(text, ended)
    return begins.start() if begins else len(text)


def _line_end(text: bytes, limit: int) -> int:
    """The last position up to `limit` after a line that the next one does not continue; 0 for none."""
    end = text.rfind(b"\n", 0, limit)
    while end > 0 and text.endswith(CONTINUED, 0, end):
        end = text.rfind(b"\n", 0, end)
    return end + 1


def _outside(found: list[Found], cut: int, first: int, full: bool) -> int:
    """The cut moved out of the secret that it would divide: before it, or after it where something must leave."""
    for place in reversed(found):
        if place.context < cut < place.end:
            cut = place.context if place.context > first or not full else place.end
    return cut
