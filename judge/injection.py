"""Text in a trace that seems to be meant for the judge model: found, and withheld before a model sees the trace. Pure.

The sentence that a rule finds is replaced by a mark that names the rule. Where it is not certain that nothing is left
of it, the trace must not be shown at all. What a deterministic judge reads is the trace itself, never this.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from judge.injection_rules import rules
from schemas.records import Suspicion

TASK = -1
"""The seq of a suspicion about what the trace says of its task, repository or environment."""
NAMES = frozenset({"file_path", "framework", "cwd", "id"})
"""Short fields that say what a thing is called: with a part withheld they would mean another thing."""
_SENTENCE = re.compile(r"[^\n]*?(?:[.!?](?=\s)|\n|$)")


@dataclass(frozen=True, slots=True)
class Screened:
    """A trace to show to a model: what is suspect is withheld in `document`. Not to be shown when `withheld`."""

    document: Mapping[str, Any]
    suspicions: tuple[Suspicion, ...]
    withheld: bool


def mark(rule: str) -> str:
    """What stands where text was withheld."""
    return f"[withheld: {rule}]"


def screen(document: Mapping[str, Any]) -> Screened:
    """The trace without what seems to be meant for a judge model, and what that was, in order of seq."""
    found: set[Suspicion] = set()
    about = {name: document.get(name, {}) for name in ("environment", "repo", "task")}
    told, certain = _screened(about, TASK, found)
    events = []
    for event in document["events"]:
        shown, sure = _screened(event, event["seq"], found)
        events.append(shown)
        certain = certain and sure
    ordered = tuple(sorted(found, key=lambda one: (one.seq, one.rule)))
    return Screened({**document, **told, "events": events}, ordered, not certain)


def _screened(value: Any, seq: int, found: set[Suspicion], name: str = "") -> tuple[Any, bool]:
    """A value with every text in it screened, and whether nothing suspect can be left."""
    if isinstance(value, str):
        shown, ids = _masked(value)
        found.update(Suspicion(rule=rule, seq=seq) for rule in ids)
        return shown, not ids or (name not in NAMES and not _masked(shown)[1])
    if isinstance(value, Mapping):
        parts = {key: _screened(inner, seq, found, key) for key, inner in value.items()}
        return {key: shown for key, (shown, _) in parts.items()}, all(sure for _, sure in parts.values())
    if isinstance(value, list):
        inner = [_screened(one, seq, found, name) for one in value]
        return [shown for shown, _ in inner], all(sure for _, sure in inner)
    return value, True


def _masked(text: str) -> tuple[str, frozenset[str]]:
    lowered = text.lower()
    spans = [(start, end, rule.id) for rule in rules() for start, end in rule.spans(lowered)]
    if not spans:
        return text, frozenset()
    return _without(text, spans), frozenset(rule for *_, rule in spans)


def _without(text: str, spans: Iterable[tuple[int, int, str]]) -> str:
    """The text with each sentence that a span touches replaced by a mark."""
    out: list[str] = []
    for sentence in _SENTENCE.finditer(text):
        start, end = sentence.span()
        touching = sorted({rule for first, last, rule in spans if first < end and last > start})
        out.append(f"{mark(touching[0])}{sentence[0][len(sentence[0].rstrip()) :]}" if touching else sentence[0])
    return "".join(out)
