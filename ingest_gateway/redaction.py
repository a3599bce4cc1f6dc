"""Removes secrets from text before anything is stored. Pure: rules and key in, text and counts out.

A rule's pattern is tried only where one of its keywords occurs. A secret becomes a typed placeholder with a keyed
hash; counts are kept by rule, values never. Redacting redacted text changes nothing.
"""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from pipeline.redacted import placeholder

RULES = Path(__file__).with_name("redaction_rules.yaml")
# Values that are our own vocabulary or digests; every other string is the client's. Ids too: equal secrets get equal
# placeholders, so what refers to an id still finds it.
NO_TEXT = frozenset({"type", "author", "status", "sha", "parents", "buffer_hash_after", "output_ref", "report_ref"})
NO_TEXT_BELOW = frozenset({"status"})
DIFF_MARKS = ("+", "-", " ")
# `ghp_xxxxxxxx...` in a manual is no secret.
FILLER = re.compile(r"[xX*]{12}")
# A secret may begin right after the letter that ends an escape: `\n` or `\t` as in JSON or a repr, `%3D` of a URL, the
# `m` of a terminal's colour. Where a rule says what must not come before it, these may.
TOKEN_START = re.compile(r"^\(\?<!\[[^]]*A-Za-z[^]]*\]\)")
AFTER_ESCAPE = r"(?:\g<0>|(?<=\\\\[nrtbf])|(?<=%[0-9A-Fa-f]{2})|(?<=[0-9;\\[]m))"
# Most text is no token: looking for the many prefixes only inside long runs is 8 times faster than everywhere.
RUN = re.compile(r"[a-z0-9_.~+/=:-]{12,}")


@dataclass(frozen=True, slots=True)
class Rule:
    """One kind of secret. `groups`: the groups of the pattern that may hold the secret; none: the whole match."""

    id: str
    keywords: tuple[str, ...]
    prefixes: tuple[str, ...]
    pattern: re.Pattern[str]
    groups: tuple[str, ...]
    example: str

    @classmethod
    def of(cls, fields: dict[str, Any]) -> "Rule":
        """A rule from its entry in the data file."""
        pattern = re.compile(TOKEN_START.sub(AFTER_ESCAPE, fields["pattern"]))
        groups = tuple(name for name in pattern.groupindex if name.startswith("secret"))
        keywords, prefixes = (tuple(fields.get(name, ())) for name in ("keywords", "prefixes"))
        return cls(fields["id"], keywords, prefixes, pattern, groups, "".join(fields["example"]))

    def span(self, match: re.Match[str]) -> tuple[int, int]:
        """Where in the text the secret is."""
        group = next((name for name in self.groups if match[name] is not None), 0)
        return match.span(group)


@cache
def rules() -> tuple[Rule, ...]:
    """The rules of the data file, in its order."""
    return tuple(map(Rule.of, yaml.safe_load(RULES.read_text())))


@cache
def _words() -> tuple[frozenset[str], frozenset[str]]:
    """All keywords and all prefixes, each once."""
    return frozenset(w for r in rules() for w in r.keywords), frozenset(w for r in rules() for w in r.prefixes)


def candidates(text: str) -> list[Rule]:
    """The rules with a keyword in the text, or a prefix in one of its long runs; no other can match."""
    lowered = text.lower()
    runs = " ".join(RUN.findall(lowered))
    keywords, prefixes = _words()
    found = {word for word in keywords if word in lowered} | {word for word in prefixes if word in runs}
    return [rule for rule in rules() if not found.isdisjoint(rule.keywords + rule.prefixes)]


def _hidden(rule: str, secret: str, key: bytes) -> str:
    """The placeholder; a secret of several lines keeps its lines and their diff marks, so that a hunk's count holds."""
    mark = placeholder(rule, secret, key)
    _, *rest = secret.split("\n")
    return "\n".join([mark, *((line[:1] if line.startswith(DIFF_MARKS) else "") + mark for line in rest)])


def _apply(rule: Rule, text: str, key: bytes, counts: Counter[str]) -> str:
    pieces, position = [], 0
    for match in rule.pattern.finditer(text):
        start, end = rule.span(match)
        if FILLER.search(text, start, end):
            continue
        pieces += [text[position:start], _hidden(rule.id, text[start:end], key)]
        position = end
        counts[rule.id] += 1
    return "".join([*pieces, text[position:]]) if pieces else text


def redact(text: str, key: bytes, counts: Counter[str], among: list[Rule]) -> str:
    """The text without the secrets that these rules find; adds to the counts."""
    lowered = text.lower()
    for rule in among:
        if any([word in lowered for word in rule.keywords + rule.prefixes]):  # noqa: C419 - twice as fast as a generator
            text = _apply(rule, text, key, counts)
    return text


def _texts(value: Any, no_text: frozenset[str] = NO_TEXT) -> Iterable[str]:
    """Every string of a stored value that a client chose, at any depth."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, item in value.items():
            if name not in no_text:
                yield from _texts(item, NO_TEXT_BELOW)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item, no_text)


class Redactor:
    """Redaction with the key of one project; `counts` adds up what was found, by rule."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self.counts: Counter[str] = Counter()

    def text(self, text: str) -> str:
        """The text without its secrets."""
        return redact(text, self._key, self.counts, candidates(text))

    def events(self, events: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """The stored events without their secrets. One look over all texts decides which rules are tried at all."""
        among = candidates("\n".join(_texts(events)))
        return [self._replaced(event, among, NO_TEXT) for event in events] if among else events

    def _replaced(self, value: Any, among: list[Rule], no_text: frozenset[str]) -> Any:
        if isinstance(value, str):
            return redact(value, self._key, self.counts, among)
        if isinstance(value, dict):
            return {k: v if k in no_text else self._replaced(v, among, NO_TEXT_BELOW) for k, v in value.items()}
        if isinstance(value, list):
            return [self._replaced(item, among, no_text) for item in value]
        return value

    def file(self, data: bytes) -> bytes:
        """A file without its secrets. What is no UTF-8 is read byte by byte, so that one odd byte hides nothing."""
        try:
            return self.text(data.decode()).encode()
        except UnicodeDecodeError:
            return self.text(data.decode("latin-1")).encode("latin-1")
