"""Text in a trace that seems to be meant for the judge model: found, and withheld before a model sees the trace. Pure.

The sentences that a rule finds, in whatever form, are replaced by a mark. Where it is not certain
that nothing is left - something is found again, the passage goes on about grading, it lies in a name, or it is split
over events - the trace must not be shown at all. What a judge without a model reads is the trace itself, never this.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Any

from judge.injection_forms import forms, lowered
from judge.injection_rules import Span, rules
from schemas.records import Suspicion

TASK = -1
"""Stands before the first event: what the trace says of its task, repository and environment."""
NO_EVENT = "task/"
"""What the rule of a suspicion of that begins with; its seq is 0, since no event has it."""
NEVER_SHOWN = frozenset(
    {
        "id",
        "ts_client_us",
        "duration_us",
        "caused_by",
        "buffer_hash_after",
        "output_ref",
        "report_ref",
        "sha",
        "parents",
    }
)
"""Fields of an event that no model is shown."""
MARK = "[withheld]"
"""What stands where text was withheld. It says nothing, so that it can be no message either."""
NAMES = frozenset({"file_path", "framework", "cwd", "results"})
"""Fields that say what a thing is called: with a part withheld they would mean another thing."""
REACH = 2
"""Sentences before and after a suspect one that are withheld too where they speak of grading or of a grader."""
BORDER = 240
"""Characters at each end of a text that are read together with the texts before and after it."""
_SENTENCE = re.compile(r"[^\n]*?(?:[.!?](?=[\s\"'])|[。！？।]|\n|$)")
Finding = tuple[str, Span]


@dataclass(frozen=True, slots=True)
class Screened:
    """A trace to show to a model: what is suspect is withheld in `document`. Not to be shown when `withheld`."""

    document: Mapping[str, Any]
    suspicions: tuple[Suspicion, ...]
    withheld: bool


@dataclass(frozen=True, slots=True)
class _Text:
    """A text of a trace and where it stands."""

    seq: int
    field: str
    text: str


def screen(document: Mapping[str, Any]) -> Screened:
    """The trace without what seems to be meant for a judge model, and what that was, in order of seq."""
    about = {name: document.get(name, {}) for name in ("environment", "repo", "task")}
    texts = [*_texts(about, TASK), *(text for event in document["events"] for text in _texts(event, event["seq"]))]
    known = {text: _withheld(text) for text in dict.fromkeys(one.text for one in texts)}
    suspicions = {Suspicion(rule=rule, seq=one.seq) for one in texts for rule in known[one.text].rules}
    sure = all(known[one.text].sure and one.field not in NAMES for one in texts if known[one.text].rules)
    left = [replace(one, text=known[one.text].shown.replace(MARK, "\n")) for one in texts]
    split = _split(left)
    if not suspicions and not split:
        return Screened(document, (), withheld=False)
    masks = {text: what.shown for text, what in known.items() if what.rules}
    events = [_masked(event, masks) for event in document["events"]]
    ordered = tuple(map(_told, sorted(suspicions | split, key=lambda one: (one.seq, one.rule))))
    withheld = bool(split) or not sure or _goes_on(left, {one.seq for one in suspicions})
    return Screened({**document, **_masked(about, masks), "events": events}, ordered, withheld)


def _told(suspicion: Suspicion) -> Suspicion:
    return Suspicion(rule=f"{NO_EVENT}{suspicion.rule}", seq=0) if suspicion.seq == TASK else suspicion


def _texts(value: Any, seq: int, field: str = "") -> Iterator[_Text]:
    """Every text that a model may be shown, keys included: they are texts of the client's too."""
    if isinstance(value, str):
        yield _Text(seq, field, value)
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            if field == "environment":
                yield _Text(seq, "results", key)
            if field or key not in NEVER_SHOWN:
                yield from _texts(inner, seq, field or key)
    elif isinstance(value, list):
        for one in value:
            yield from _texts(one["id"] if field == "results" else one, seq, field)


def _masked(value: Any, masks: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        return masks.get(value, value)
    if isinstance(value, Mapping):
        return {key: _masked(inner, masks) for key, inner in value.items()}
    return [_masked(one, masks) for one in value] if isinstance(value, list) else value


def findings(text: str) -> list[Finding]:
    """What the rules find in any form of a text, and where in the text it stands."""
    return [
        ("/".join(filter(None, (form.name, rule))), form.span(*span))
        for form in forms(text)
        for rule, span in rules().found(lowered(form.text))
        if span[1] > span[0]
    ]


@dataclass(frozen=True, slots=True)
class _Withheld:
    """A text without its suspect sentences, the rules that found them, and whether nothing suspect can be left."""

    shown: str
    rules: frozenset[str] = frozenset()
    sure: bool = True


def _withheld(text: str) -> _Withheld:
    found = findings(text)
    if not found:
        return _Withheld(text)
    sentences = [sentence.span() for sentence in _SENTENCE.finditer(text)]
    suspect = _suspect(text, sentences, found)
    pieces = [text[start:end] for start, end in sentences]
    shown = "".join(MARK + _trailing(piece) if bad else piece for piece, bad in zip(pieces, suspect, strict=True))
    rest = shown.replace(MARK, "")
    return _Withheld(shown, _simplest(found), not (rules().has(lowered(rest), "grader") or findings(rest)))


def _simplest(found: Iterable[Finding]) -> frozenset[str]:
    """Each rule once, in the form with the shortest name that it found something in."""
    best: dict[str, str] = {}
    for name, _ in sorted(found, key=lambda one: (len(one[0]), one[0])):
        best.setdefault(name.rpartition("/")[2], name)
    return frozenset(best.values())


def _suspect(text: str, sentences: Sequence[Span], found: Iterable[Finding]) -> list[bool]:
    """Which sentences are withheld: those that a rule found, and near ones that speak of grading or of a grader."""
    hit = [any(first < end and last > start for _, (first, last) in found) for start, end in sentences]
    near = {
        place
        for at, is_hit in enumerate(hit)
        if is_hit
        for place in range(max(0, at - REACH), min(len(hit), at + REACH + 1))
    }
    return [
        is_hit
        or (place in near and any(rules().has(lowered(text[slice(*span)]), kind) for kind in ("grade", "grader")))
        for place, (is_hit, span) in enumerate(zip(hit, sentences, strict=True))
    ]


def _trailing(sentence: str) -> str:
    return sentence[len(sentence.rstrip()) :]


def _split(texts: Sequence[_Text]) -> set[Suspicion]:
    """What is found only when texts are read one after the other: all, those of each field, and their last lines."""
    last_lines = [replace(one, text=one.text.rstrip().rpartition("\n")[2]) for one in texts]
    groups = [*_groups(texts), *_groups(last_lines)]
    return {suspicion for group in groups if len(group) > 1 for suspicion in _across(group)}


def _groups(texts: Sequence[_Text]) -> list[list[_Text]]:
    """All texts, and those of each field."""
    fields = dict.fromkeys(one.field for one in texts)
    return [list(texts), *([one for one in texts if one.field == field] for field in fields)]


def _across(texts: Sequence[_Text]) -> Iterator[Suspicion]:
    text, places = _joined(texts)
    found: dict[int, list[Finding]] = {}
    for finding in findings(text):
        first, last = finding[1]
        touched = [n for n, (start, end) in enumerate(places) if first < end and last > start]
        for n in touched if len(touched) > 1 else ():
            found.setdefault(texts[n].seq, []).append(finding)
    return (Suspicion(rule=f"split/{rule}", seq=seq) for seq, of in found.items() for rule in _simplest(of))


def _goes_on(texts: Sequence[_Text], seqs: Collection[int]) -> bool:
    """Whether texts near a suspect one still speak of a grader or a good grade, which alone would be no suspicion."""
    for group in _groups(texts):
        places = [place for place, one in enumerate(group) if one.seq in seqs]
        near = [one for n, one in enumerate(group) if any(abs(n - place) <= REACH for place in places)]
        said = lowered(_joined(near)[0])
        if rules().has(said, "grader") or rules().speaks_of_a_good_grade(said):
            return True
    return False


def _joined(texts: Sequence[_Text]) -> tuple[str, list[Span]]:
    """The beginnings and ends of the texts as one text, and where each stands in it."""
    ends = [
        one.text if len(one.text) <= 2 * BORDER else f"{one.text[:BORDER]}\n\n\n{one.text[-BORDER:]}" for one in texts
    ]
    starts = [0, *accumulate(len(end) + 1 for end in ends)]
    return "\n".join(ends), [(start, start + len(end)) for start, end in zip(starts, ends, strict=False)]
