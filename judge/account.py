"""What the notes of a session claim, and what stands behind it: grounds, verification, limits, lessons. Pure.

Only the form of a claim and the record of what was run are compared, never what a run said. Of a note and the looks
around it the order does not count: both belong to the same state of the files.
"""

import re
from bisect import bisect_right
from collections.abc import Mapping, Sequence

from judge.phrases import PHRASES, Part, Phrase, Text, names
from judge.timeline import Act, last_before

Said = Mapping[int, Mapping[Part, str]]
"""The parts of each note by its seq, in order."""
Told = Mapping[int, Sequence[Text]]
"""What each note says of its own, sentence by sentence, by its seq, in order."""
Seqs = tuple[int, ...]

# A check is said to have been made, with what came of it.
VERIFIED = Phrase.of(
    r"\b(?:tests?|checks?|suite)\b(?: \w+){0,2} (?:pass|passes|passed|passing|green|succeeds?|succeeded)\b"
    r"|\b(?:I(?:'ve| have)? (?:\w+ )?|(?:has|have) been (?:\w+ )?|(?:was|were|is|are) (?:\w+ )?)"
    r"(?:verified|tested|confirmed)\b"
    r"|\b(?:fix|change|patch|solution|implementation|code|everything|it) (?:now )?works(?: \w+)? "
    r"(?:correctly|properly|perfectly|now|as (?:expected|intended))\b",
    "pass passes passed passing green succeed succeeds succeeded verified tested confirmed works",
)
# What is wished, planned, asked or denied is no claim.
_NO_CLAIM = re.compile(
    r"\b(?:should|would|will|could|might|may|must|if|whether|let me|let's|ensure|make sure|need|want|hope|until|unless"
    r"|to (?:be|see|check|verify|test|confirm)|once|before|how|why|not|never|without|cannot)\b|n't\b|'ll\b|\?\s*$",
    re.IGNORECASE,
)
LIMIT = Phrase.of(
    r"\b(?:(?:not|never|cannot|only) (?:\w+ ){0,2}"
    r"(?:tested|verified|checked|run|covered|reproduced?|sure|certain|confirmed?)"
    r"|(?:was|were|am) (?:unable|not able) to|could(?: not|n't)|(?:have|has|did|do|does|was|were)(?: not|n't) (?:\w+ )?"
    r"(?:test|run|check|verify|cover|try|tested|checked|verified|tried|covered)|untested|unverified|unsure|unclear"
    r"|limitations?|remain(?:s|ing)?|assum(?:es?|ed|ing|ptions?)|pre-?existing|unrelated (?:failures?|tests?)"
    r"|still (?:fails?|open|broken)|known issue|caveat|out of scope|left (?:out|open|as it)|follow-?up)\b",
    "not never cannot only unable could couldn t untested unverified unsure unclear limitation limitations remain"
    " remains remaining assume assumes assumed assuming assumption assumptions existing preexisting unrelated still"
    " known caveat scope left follow followup",
)
LESSON = Phrase.of(
    r"\b(?:(?:I(?:'ve| have)?|we) (?:\w+ )?(?:learn(?:ed|t)|understand now|know now)|now understand"
    r"|next time|from now on|lessons?(?: is| was|:| learn)|takeaway|note to self|what (?:helped|misled|cost)|misled me"
    r"|I (?:should|ought to|could) have (?:\w+ed|read|run|seen|known|thought|begun|done|written|looked)"
    r"|would have (?:been (?:found|quicker|faster|easier)|found|saved))\b",
    "learned learnt understand know next now lesson lessons takeaway note helped misled cost should ought could would",
)
REASON = Phrase.of(
    r"\b(?:because|due to|root cause|the (?:cause|reason|culprit)|caused by|(?:that|this|which) (?:is|was) why|so that"
    r"|came from|comes from|as a result)\b",
    "because due cause reason culprit caused why so came comes result",
)
# "Actually," and "wait," are left out: agents say them of everything.
REVISION = Phrase.of(
    r"\b(?:(?:was|were|is) (?:wrong|mistaken|incorrect"
    r"|not (?:right|enough|the (?:cause|issue|problem|culprit|reason|bug)))"
    r"|my mistake|a mistake|mistakenly|oops|on second thought|wrong (?:approach|place|file|assumption)|ruled? out"
    r"|(?:did|does|do)(?: not|n't) (?:work|help|fix|hold|explain)|could(?: not|n't) (?:help|work|be it)"
    r"|(?:refut|disprov|reject)ed|(?:different|another|better) (?:approach|explanation|cause)|start over"
    r"|revert(?:ing|ed)?|undo(?:ing|ne)?|take (?:it|that|this) back)\b",
    "wrong mistaken incorrect not mistake mistakenly oops second rule ruled t refuted disproved rejected different"
    " another better start revert reverting reverted undo undoing undone take",
)


def grounds(said: Said, acts: Sequence[Act], informed: Mapping[int, int]) -> dict[int, int]:
    """Each note with a claim that goes back to an action -> the seq of that action.

    By an explicit link, or because it names a file or identifier that an action up to then had to do with.
    """
    changed = [act.seq for act in acts if act.doing.changes]
    first: dict[str, tuple[int, int]] = {}
    for act in acts:
        for name in names(act.what):
            first.setdefault(name, (bisect_right(changed, act.seq), act.seq))
    found = {}
    for seq, parts in said.items():
        claim = claimed(parts)
        state = bisect_right(changed, seq)
        named = [first[name] for name in names(claim) if name in first and first[name][0] <= state] if claim else []
        if claim and (seq in informed or named):
            found[seq] = informed[seq] if seq in informed else min(named)[1]
    return found


def claimed(parts: Mapping[Part, str]) -> str:
    """What a note holds to be so."""
    return "\n".join(parts[part] for part in ("hypothesis", "observation") if part in parts)


def unbacked(told: Told, edits: Sequence[int], checks: Sequence[int]) -> Seqs:
    """Notes that say that something was verified where nothing was run since the last change of source before them."""
    return tuple(
        seq for seq, each in told.items() if any(map(_verifies, each)) and not _checked_since(seq, edits, checks)
    )


def saying(phrase: Phrase, told: Told) -> Seqs:
    """The notes of which a sentence holds the phrase."""
    return tuple(seq for seq, each in told.items() if any(map(phrase.search, each)))


def limits(told: Told) -> Seqs:
    """Notes that say what was not checked, is assumed or remains; what they plan to look at is no limit."""
    plan = PHRASES["plan"]
    return tuple(
        seq for seq, each in told.items() if any(LIMIT.search(text) and not plan.search(text) for text in each)
    )


def _verifies(text: Text) -> bool:
    return VERIFIED.search(text) and not _NO_CLAIM.search(text.text)


def _checked_since(seq: int, edits: Sequence[int], checks: Sequence[int]) -> bool:
    changed, checked = last_before(seq, edits), last_before(seq, checks)
    # A command may change and check in one go.
    return checked >= max(changed, 0)
