"""What a rationale note is about: its named parts, or phrases of its free text. Pure, and explainable to the writer.

A text says a thing in those of its sentences that hold one of the listed phrases. That is modest on purpose: it finds
the form of an argument, not its truth. A note that only repeats what somebody else told the session (an imported system
or user message) is not the participant's reasoning and says nothing.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

Part = Literal["hypothesis", "plan", "observation", "decision"]

_BETWEEN_WORDS = str.maketrans({chr(code): " " for code in range(128) if not re.match(r"\w", chr(code))})


@dataclass(frozen=True, slots=True)
class Text:
    """A text, and what makes it quick to search: itself and its words in lower case.

    Both are empty where a letter outside ASCII may match another one's case; such a text is searched as it is.
    """

    text: str
    lowered: str
    words: frozenset[str]

    @classmethod
    def of(cls, text: str) -> "Text":
        if not text.isascii():
            return cls(text, "", frozenset())
        lowered = text.lower()
        return cls(text, lowered, frozenset(lowered.translate(_BETWEEN_WORDS).split()))


@dataclass(frozen=True, slots=True)
class Phrase:
    """A pattern, whatever the case, and words of which every text that matches it has one.

    The words spare most searches; one in lower case takes a third of the time of one without regard to case.
    """

    pattern: re.Pattern[str]
    lowered: re.Pattern[str]
    telltales: frozenset[str]

    @classmethod
    def of(cls, pattern: str, telltales: str) -> "Phrase":
        return cls(re.compile(pattern, re.IGNORECASE), re.compile(pattern.lower()), frozenset(telltales.split()))

    def search(self, said: Text) -> bool:
        """Whether the text holds the phrase."""
        if said.lowered:
            return not self.telltales.isdisjoint(said.words) and self.lowered.search(said.lowered) is not None
        return self.pattern.search(said.text) is not None


NAMED: dict[str, Part] = {
    "hypothesis": "hypothesis",
    "plan": "plan",
    "next_step": "plan",
    "observation": "observation",
    "decision": "decision",
}
PHRASES: dict[Part, Phrase] = {
    "hypothesis": Phrase.of(
        r"\b(?:I (?:think|suspect|believe|guess|bet)|hypothes[ie]s|root cause|caused by|because|due to"
        r"|probably|perhaps|maybe|presumably|(?:might|could|may|must) be|(?:is|are|most) likely|suggests? that"
        r"|seems? (?:to|that|like)|appears? (?:to|that)|(?:issue|problem|bug|error|failure|cause|culprit) (?:is|lies"
        r"|must|might|could|comes|happens|occurs))\b",
        "think suspect believe guess bet hypothesis hypotheses root caused because due probably perhaps maybe"
        " presumably might could may must likely suggest suggests seem seems appear appears issue problem bug"
        " error failure cause culprit",
    ),
    "plan": Phrase.of(
        r"\b(?:let me|let's|I(?:'ll| will| need to| want to| am going to|'m going to| should)|next step|the plan"
        r"|first,? (?:I|we|let)|then (?:I|we)(?:'ll| will))\b",
        "let ll will need want going should next plan first then",
    ),
    "observation": Phrase.of(
        r"\b(?:I (?:can )?(?:now )?(?:see|notice|found|find)|(?:it|this|that|output|error|result|results|traceback|log"
        r"|tests?|reproduction|script|function|code|line \d+) (?:now |still |also |already |only )?(?:shows?|says?"
        r"|fails?|failed|passe[sd]|pass|works?|worked|returns?|returned|raises?|raised|prints?|printed|gives?|expects?)"
        r"|as expected|turns out|confirm(?:s|ed)|interesting|looking at (?:the )?(?:output|error|result|code|line))\b",
        "see notice found find show shows say says fail fails failed pass passes passed work works worked"
        " return returns returned raise raises raised print prints printed give gives expect expects expected"
        " turns confirm confirms confirmed interesting looking",
    ),
    "decision": Phrase.of(
        r"\b(?:decided?|instead of|rather than|the (?:proper |right |best |simplest |real |minimal )?"
        r"(?:fix|solution|approach|change) (?:is|should|would|will)|so (?:I|we) (?:should|need|can|must|have)"
        r"|therefore|I(?:'ll| will| am going to|'m going to) (?:use|fix|change|add|remove|replace|keep|go with|update"
        r"|modify|apply|revert))\b",
        "decide decided instead rather fix solution approach change so therefore use add remove replace keep"
        " go update modify apply revert",
    ),
}
_EXPECTATION = re.compile(
    r"\b(?:(?<!\bI )(?<!\bwe )should(?! (?:I|we)\b)|expect(?:s|ed)|supposed to|ought to|instead of|rather than)\b",
    re.IGNORECASE,
)
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+|\n\s*\n|\n(?=\s*(?:[-*#]|\d+\.)\s)")
_TOLD = re.compile(r"\[\w+ message\]\n")
# Possessive (`++`) where giving letters back could never help: these are asked of every claim.
_NAME = re.compile(r"\b\w++\.(?:py|js|ts|go|rs|java|c|h|cpp|rb|php|sql|toml|cfg|ya?ml|json)\b|\b[A-Za-z]\w*_\w++")
_CONCRETE = re.compile(
    r"`[^`\n]++`|\b\w++(?:\.(?:py|js|ts|go|rs|java|c|h|cpp|rb|php|sql|toml|cfg|ya?ml|json)\b|\(\)|\.\w++\()|\blines? \d"
    r"|\b[A-Za-z][^\W_]*+_\w|\b[A-Z][a-z]++[A-Z]|[<>=!]=|'[^'\n]{1,60}'|\"[^\"\n]{1,60}\""
)


@dataclass(frozen=True, slots=True)
class Note:
    """A rationale note: its parts, each with the text that holds it, and all that it says but plans, by sentence."""

    parts: Mapping[Part, str]
    told: tuple[Text, ...]


def read(note: Mapping[str, Any]) -> Note:
    """The note of an event."""
    free = [Text.of(each) for each in sentences(note.get("text") or "")]
    given = {name: said for name in NAMED if (said := note.get(name, "")).strip() and not _TOLD.match(said)}
    found: dict[Part, str] = {}
    for name, said in given.items():
        part = NAMED[name]
        found[part] = f"{found[part]}\n{said}" if part in found else said
    for part, phrase in PHRASES.items():
        if saying := [each.text for each in free if phrase.search(each)]:
            found.setdefault(part, "\n".join(saying))
    named = [Text.of(each) for name, said in given.items() if name != "plan" for each in sentences(said)]
    return Note(found, (*free, *named))


def parts(note: Mapping[str, Any]) -> Mapping[Part, str]:
    """The parts of a rationale note, each with the text that holds it."""
    return read(note).parts


def sentences(text: str) -> list[str]:
    """The sentences of a text, and the items of its lists."""
    return _SENTENCE_END.split(text)


def contrasts(said: Iterable[str]) -> bool:
    """Whether any of the texts holds what was expected, or what happens in its place, against what was seen."""
    return any(_EXPECTATION.search(text) for text in said)


def names(text: str) -> frozenset[str]:
    """The files and identifiers that a text names and that are hardly ordinary words."""
    return frozenset(map(str.lower, _NAME.findall(text)))


def is_concrete(claim: str) -> bool:
    """Whether a claim names something that can be looked up: a file, a line, an identifier, a value."""
    return _CONCRETE.search(claim) is not None
