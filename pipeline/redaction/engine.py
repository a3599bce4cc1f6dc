"""From bytes to the places of secrets in them, and to the bytes without. Redacting redacted text changes nothing."""

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from pipeline.redacted import PLACEHOLDER, placeholder
from pipeline.redaction.rules import Rule, candidates

MARK = b"[REDACTED:"
NOTHING: frozenset[str] = frozenset()
DIFF_MARKS = (b"+", b"-", b" ")


@dataclass(frozen=True, slots=True)
class Found:
    """A secret at [start, end), known by what surrounds it from `context` on (a key's name, a URL)."""

    start: int
    end: int
    context: int
    rule: Rule


def find(text: bytes, among: list[Rule]) -> list[Found]:
    """The secrets, in order; where two overlap, one reaches over both and has the upper rule."""
    places = sorted((f for rule in among for f in _matches(rule, text)), key=lambda f: (f.start, f.rule.order))
    kept = _outside_placeholders(text, places) if MARK in text else places
    joined: list[Found] = []
    for place in kept:
        if joined and place.start < joined[-1].end:
            joined[-1] = _union(joined[-1], place)
        else:
            joined.append(place)
    return joined


def replaced(text: bytes, found: list[Found], key: bytes, counts: Counter[str]) -> bytes:
    """The text with a placeholder for each secret; adds to the counts."""
    pieces, position = [], 0
    for place in found:
        pieces += [text[position : place.start], hidden(place.rule.id, text[place.start : place.end], key)]
        position = place.end
        counts[place.rule.id] += 1
    return b"".join([*pieces, text[position:]])


def redact(text: bytes, key: bytes, counts: Counter[str], personal: frozenset[str] = NOTHING) -> bytes:
    """The text without its secrets, and without the personal data of these rules; adds to the counts, by rule."""
    found = find(text, candidates(text, personal))
    return replaced(text, found, key, counts) if found else text


def hidden(rule: str, secret: bytes, key: bytes) -> bytes:
    """The placeholder; a secret of several lines keeps its lines and their diff marks, so that a hunk's count holds."""
    mark = placeholder(rule, secret, key).encode()
    _, *rest = secret.split(b"\n")
    return b"\n".join([mark, *((line[:1] if line.startswith(DIFF_MARKS) else b"") + mark for line in rest)])


def _matches(rule: Rule, text: bytes) -> Iterator[Found]:
    position = 0
    while (match := rule.pattern.search(text, position)) is not None:
        start, end = rule.secret(match)
        if rule.accepts(text[start:end]):
            yield Found(start, end, match.start(), rule)
            position = end
        else:
            # What was taken for a value may be the name of the next one: `token: key = "..."`.
            position = start if start > match.start() else end


def _outside_placeholders(text: bytes, places: list[Found]) -> list[Found]:
    taken = [match.span() for match in PLACEHOLDER.finditer(text.decode("latin-1"))]
    starts = [start for start, _ in taken]

    def outside(place: Found) -> bool:
        before = bisect_right(starts, place.start)
        return not before or taken[before - 1][1] <= place.start

    return list(filter(outside, places))


def _union(first: Found, second: Found) -> Found:
    rule = min(first.rule, second.rule, key=lambda rule: rule.order)
    return Found(first.start, max(first.end, second.end), min(first.context, second.context), rule)
