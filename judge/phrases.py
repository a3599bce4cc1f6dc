"""What a rationale note is about: its named parts, or phrases of its free text. Pure, and explainable to the writer.

A text says a thing in those of its sentences that hold one of the listed phrases. That is modest on purpose: it finds
the form of an argument, not its truth. A note that only repeats what somebody else told the session (an imported system
or user message) is not the participant's reasoning and says nothing.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any, Literal

Part = Literal["hypothesis", "plan", "observation", "decision"]


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


NAMED: dict[str, Part] = {
    "hypothesis": "hypothesis",
    "plan": "plan",
    "next_step": "plan",
    "observation": "observation",
    "decision": "decision",
}
PHRASES: dict[Part, re.Pattern[str]] = {
    "hypothesis": re.compile(
        r"\b(?:I (?:think|suspect|believe|guess|bet)|hypothes[ie]s|root cause|caused by|because|due to"
        r"|probably|perhaps|maybe|presumably|(?:might|could|may|must) be|(?:is|are|most) likely|suggests? that"
        r"|seems? (?:to|that|like)|appears? (?:to|that)|(?:issue|problem|bug|error|failure|cause|culprit) (?:is|lies"
        r"|must|might|could|comes|happens|occurs))\b",
        re.IGNORECASE,
    ),
    "plan": re.compile(
        r"\b(?:let me|let's|I(?:'ll| will| need to| want to| am going to|'m going to| should)|next step|the plan"
        r"|first,? (?:I|we|let)|then (?:I|we)(?:'ll| will))\b",
        re.IGNORECASE,
    ),
    "observation": re.compile(
        r"\b(?:I (?:can )?(?:now )?(?:see|notice|found|find)|(?:it|this|that|output|error|result|results|traceback|log"
        r"|tests?|reproduction|script|function|code|line \d+) (?:now |still |also |already |only )?(?:shows?|says?"
        r"|fails?|failed|passe[sd]|pass|works?|worked|returns?|returned|raises?|raised|prints?|printed|gives?|expects?)"
        r"|as expected|turns out|confirm(?:s|ed)|interesting|looking at (?:the )?(?:output|error|result|code|line))\b",
        re.IGNORECASE,
    ),
    "decision": re.compile(
        r"\b(?:decided?|instead of|rather than|the (?:proper |right |best |simplest |real |minimal )?"
        r"(?:fix|solution|approach|change) (?:is|should|would|will)|so (?:I|we) (?:should|need|can|must|have)"
        r"|therefore|I(?:'ll| will| am going to|'m going to) (?:use|fix|change|add|remove|replace|keep|go with|update"
        r"|modify|apply|revert))\b",
        re.IGNORECASE,
    ),
}
TELLTALES: dict[Part, frozenset[str]] = {
    "hypothesis": _words(
        "think suspect believe guess bet hypothesis hypotheses root caused because due probably perhaps maybe"
        " presumably might could may must likely suggest suggests seem seems appear appears issue problem bug error"
        " failure cause culprit"
    ),
    "plan": _words("let ll will need want going should next plan first then"),
    "observation": _words(
        "see notice found find show shows say says fail fails failed pass passes passed work works worked return"
        " returns returned raise raises raised print prints printed give gives expect expects expected turns confirm"
        " confirms confirmed interesting looking"
    ),
    "decision": _words(
        "decide decided instead rather fix solution approach change so therefore use add remove replace keep go update"
        " modify apply revert"
    ),
}
"""Every phrase holds one of its part's words: a look at the words spares most of the searches, half of all the time."""
_WORD = re.compile(r"\w+")
_EXPECTATION = re.compile(
    r"\b(?:(?<!\bI )(?<!\bwe )should(?! (?:I|we)\b)|expect(?:s|ed)|supposed to|ought to|instead of|rather than)\b",
    re.IGNORECASE,
)
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+|\n\s*\n|\n(?=\s*(?:[-*#]|\d+\.)\s)")
_TOLD = re.compile(r"\[\w+ message\]\n")
_NAME = re.compile(r"\b\w+\.(?:py|js|ts|go|rs|java|c|h|cpp|rb|php|sql|toml|cfg|ya?ml|json)\b|\b[A-Za-z]\w*_\w+")
_CONCRETE = re.compile(
    r"`[^`\n]+`|\b\w+\.(?:py|js|ts|go|rs|java|c|h|cpp|rb|php|sql|toml|cfg|ya?ml|json)\b|\blines? \d+|\b\w+\(\)"
    r"|\b[A-Za-z]\w*_\w+|\b[A-Z][a-z]+[A-Z]\w*|\b\w+\.\w+\(|[<>=!]=|'[^'\n]{1,60}'|\"[^\"\n]{1,60}\""
)


def parts(note: Mapping[str, Any]) -> dict[Part, str]:
    """The parts of a rationale note, each with the text that holds it."""
    found: dict[Part, str] = {}
    for name, part in NAMED.items():
        said = note.get(name, "")
        if said.strip() and not _TOLD.match(said):
            found[part] = f"{found[part]}\n{said}" if part in found else said
    if text := note.get("text"):
        for part, saying in _said(_SENTENCE_END.split(text)).items():
            found.setdefault(part, "\n".join(saying))
    return found


def _said(sentences: Iterable[str]) -> dict[Part, list[str]]:
    """The sentences that say each part, in the order of PHRASES."""
    found: dict[Part, list[str]] = {part: [] for part in PHRASES}
    for sentence in sentences:
        # Outside ASCII a letter may match another one's case (the long s); there the words tell nothing.
        words = frozenset(_WORD.findall(sentence.lower())) if sentence.isascii() else None
        for part, phrase in PHRASES.items():
            if (words is None or not TELLTALES[part].isdisjoint(words)) and phrase.search(sentence):
                found[part].append(sentence)
    return {part: saying for part, saying in found.items() if saying}


def contrasts(said: Iterable[str]) -> bool:
    """Whether any of the texts holds what was expected, or what happens in its place, against what was seen."""
    return any(_EXPECTATION.search(text) for text in said)


def names(text: str) -> frozenset[str]:
    """The files and identifiers that a text names and that are hardly ordinary words."""
    return frozenset(found.lower() for found in _NAME.findall(text))


def is_concrete(claim: str) -> bool:
    """Whether a claim names something that can be looked up: a file, a line, an identifier, a value."""
    return _CONCRETE.search(claim) is not None
