"""The rules of the data file, and where a text matches them. RE2 runs them: linear in the text, whatever it is."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import re2
import yaml

DATA = Path(__file__).with_name("injection_rules.yaml")
_WORDS = re.compile(r"\{([a-z_]+)\}")
NOTHING = r"[^\x00-\x{10FFFF}]"
SAID = "said"
"""The group of a pattern that is what was said, where what stands before it is not."""
GOOD_GRADE = 80
"""Characters within which the words of a good grade are taken together."""
Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Rule:
    """One way in which text speaks to a judge model: a pattern, or kinds of words that meet within some characters.

    `example` is a text that it finds.
    """

    id: str
    example: str
    pattern: Any = None
    kinds: tuple[str, ...] = ()
    within: int = 0


@dataclass(frozen=True, slots=True)
class Rules:
    """All rules, and the pattern of each kind of words."""

    rules: tuple[Rule, ...]
    kinds: dict[str, Any]
    gate: Any
    """All patterns as one automaton: first those of the rules, then those of the kinds, then the empty one."""

    def found(self, text: str) -> list[tuple[str, Span]]:
        """What a text in lower case matches: the rule's id and where, in the order of the rules."""
        there = set(self.gate.Match(text.encode("utf-8", "replace")) or ())
        all_of = len(self.rules) + len(self.kinds) not in there
        kinds = [name for number, name in enumerate(self.kinds, len(self.rules)) if all_of or number in there]
        possible = [
            rule
            for number, rule in enumerate(self.rules)
            if all_of or (number in there if rule.pattern is not None else kinds and set(rule.kinds) <= set(kinds))
        ]
        if not possible:
            return []
        hits = {name: _hits(self.kinds[name], text) for name in kinds}
        return [(rule.id, span) for rule in possible for span in _spans(rule, text, hits)]

    def speaks_of_a_good_grade(self, text: str) -> bool:
        """Whether a text in lower case has words for a grade, for a good one and for giving it close together."""
        return (
            next(_meetings([_hits(self.kinds[kind], text) for kind in ("say", "best", "grade")], GOOD_GRADE), None)
            is not None
        )

    def has(self, text: str, kind: str) -> bool:
        """Whether a text in lower case holds words of this kind."""
        return self.kinds[kind].search(text) is not None


@cache
def rules() -> Rules:
    """The rules in the order of the data file. Raises re2.error for a pattern that RE2 does not take."""
    data: dict[str, Any] = yaml.safe_load(DATA.read_text())
    words: dict[str, str] = {}

    def compiled(pattern: str) -> Any:
        return re2.compile(_WORDS.sub(lambda name: words[name[1]], pattern), _options())

    words.update(data["words"])
    patterns = (Rule(one["id"], one["example"], compiled(one["pattern"])) for one in data["patterns"])
    meetings = (Rule(one["id"], one["example"], None, tuple(one["kinds"]), one["within"]) for one in data["meetings"])
    made = (*patterns, *meetings)
    kinds = {name: compiled(pattern) for name, pattern in data["kinds"].items()}
    return Rules(made, kinds, _gate([*(rule.pattern for rule in made), *kinds.values()]))


def _gate(patterns: list[Any]) -> Any:
    """The patterns as one automaton, each by its number; a meeting's place is held by a pattern that nothing matches.

    An automaton that runs out of memory says "nothing found"; one that ran always finds the last, the empty pattern.
    """
    gate = re2.Set.SearchSet(_options())
    for pattern in patterns:
        gate.Add(NOTHING if pattern is None else pattern.pattern)
    gate.Add("")
    gate.Compile()
    return gate


def _hits(kind: Any, text: str) -> list[Span]:
    return [match.span() for match in kind.finditer(text)]


def _spans(rule: Rule, text: str, hits: dict[str, list[Span]]) -> Iterator[Span]:
    if rule.pattern is not None:
        said = rule.pattern.groupindex.get(SAID, 0)
        return (match.span(said) for match in rule.pattern.finditer(text))
    return _meetings([hits[kind] for kind in rule.kinds], rule.within)


def _meetings(hits: list[list[Span]], within: int) -> Iterator[Span]:
    """The shortest stretches of at most `within` characters that hold a hit of each list, from left to right."""
    places = [0] * len(hits)
    while all(place < len(of) for place, of in zip(places, hits, strict=True)):
        now = [of[place] for place, of in zip(places, hits, strict=True)]
        start, end = min(now)[0], max(end for _, end in now)
        if end - start <= within:
            yield start, end
        places[now.index(min(now))] += 1


def _options() -> Any:
    options = re2.Options()
    # The alternations of words are large: with the default of 8 MiB the automaton is thrown away again and again.
    options.max_mem = 64 << 20
    return options
