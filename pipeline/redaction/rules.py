"""The rules of the data file, and the one pass over a text that tells which of them can match at all.

RE2 runs them: its time is linear in the text whatever the pattern and the input, and one automaton looks for the
keywords of all rules at once.
"""

import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import re2
import yaml

DATA = Path(__file__).with_name("rules.yaml")
# `ghp_xxxxxxxx...` in a manual is no secret.
FILLER = "[xX*]{12}"
# A secret may begin right after the letter that ends an escape: `\n` or `\t` as in JSON or a repr, `%3D` of a URL, the
# `m` of a terminal's colour. Where a pattern begins at the border of a word, these count as borders.
BORDER = r"\b"
BORDERS = r"(?:\b|\\[nrtbf]|%[0-9A-Fa-f]{2}|[0-9;\[]m)"
IGNORE_CASE = "(?i)"
# An automaton that runs out of memory says "nothing found"; one that ran always finds this entry, the empty pattern.
ALWAYS = -1


@dataclass(frozen=True, slots=True)
class Rule:
    """One kind of secret. `groups`: numbers of the groups that may hold the secret; 0 is the whole match.

    `personal`: no secret, but personal data, which a project may want hidden.
    """

    order: int
    id: str
    personal: bool
    pattern: Any
    groups: tuple[int, ...]
    entropy: float
    allow: Any
    example: str

    @classmethod
    def of(cls, order: int, fields: dict[str, Any]) -> "Rule":
        """A rule from its entry in the data file. Raises re2.error for a pattern that RE2 does not take."""
        pattern = _compiled(_after_any_border(fields["pattern"]))
        groups = tuple(number for name, number in pattern.groupindex.items() if name.startswith(b"secret")) or (0,)
        allow = _compiled("|".join(f"(?:{word})" for word in (FILLER, *fields.get("allow", ()))))
        personal, floor = fields.get("personal", False), fields.get("entropy", 0.0)
        return cls(order, fields["id"], personal, pattern, groups, floor, allow, "".join(fields["example"]))

    def secret(self, match: Any) -> tuple[int, int]:
        """Where in the text the secret is."""
        spans: Iterator[tuple[int, int]] = map(match.span, self.groups)
        return next(span for span in spans if span != (-1, -1))

    def accepts(self, value: bytes) -> bool:
        """Whether a value of the right form is a secret rather than filler, a word or code."""
        return entropy(value) >= self.entropy and self.allow.search(value) is None


@cache
def rules() -> tuple[Rule, ...]:
    """The rules in the order of the data file."""
    return tuple(Rule.of(order, fields) for order, fields in enumerate(_entries()))


def candidates(text: bytes, personal: frozenset[str]) -> list[Rule]:
    """The rules with a keyword in the text, in the order of the file; no other can match.

    Rules of personal data only where `personal` names them.
    """
    keywords, owners = _gate()
    found = keywords.Match(text)
    orders = range(len(rules())) if found is None else sorted({owners[number] for number in found} - {ALWAYS})
    return [rule for rule in map(rules().__getitem__, orders) if not rule.personal or rule.id in personal]


def personal_rules() -> frozenset[str]:
    """The ids of the rules of personal data."""
    return frozenset(rule.id for rule in rules() if rule.personal)


def entropy(value: bytes) -> float:
    """Shannon entropy, bits a byte."""
    size = len(value)
    return -sum(count / size * math.log2(count / size) for count in Counter(value).values())


@cache
def _entries() -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = yaml.safe_load(DATA.read_text())["rules"]
    return entries


@cache
def _gate() -> tuple[Any, list[int]]:
    """All keywords as one automaton, and for each the order of its rule."""
    keywords, owners = re2.Set.SearchSet(_options()), [ALWAYS]
    keywords.Add(b"")
    for order, fields in enumerate(_entries()):
        for keyword in fields["keywords"]:
            keywords.Add(f"(?i:{keyword.replace(BORDER, BORDERS, int(keyword.startswith(BORDER)))})".encode())
            owners.append(order)
    keywords.Compile()
    return keywords, owners


def _after_any_border(pattern: str) -> str:
    """The pattern with its leading border widened, and no part of that border in the secret."""
    flags = IGNORE_CASE if pattern.startswith(IGNORE_CASE) else ""
    body = pattern.removeprefix(flags)
    if not body.startswith(BORDER):
        return pattern
    body = body.removeprefix(BORDER)
    return f"{flags}{BORDERS}" + (body if "(?P<secret" in body else f"(?P<secret>{body})")


def _compiled(pattern: str) -> Any:
    return re2.compile(pattern.encode(), _options())


def _options() -> Any:
    """Latin-1: a byte is a character, so that text that is no UTF-8 is read all the same."""
    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1
    return options
