"""How a grade is made from features and put into words: remarks, each with the seqs that show it. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

Seqs = tuple[int, ...]

NEARLY_ALL = 0.8
MOST_CITED = 12


@dataclass(frozen=True, slots=True)
class Opinion:
    """A grade (none where this judge has no say), why, and the seqs of the events that show it."""

    grade: int | None
    reasons: tuple[str, ...]
    seqs: Seqs


@dataclass(frozen=True, slots=True)
class Remark:
    """One thing looked for: whether it is so, in words, and where it shows."""

    good: bool
    words: str
    seqs: Seqs = ()


def met(good: bool, words: str, seqs: Seqs = ()) -> Remark:
    """Something looked for; where it is not so, the words say that."""
    return Remark(good, words if good else f"not: {words}", seqs)


def shown(words: str, seqs: Seqs) -> Remark:
    """Something looked for that is so where any event shows it."""
    return met(bool(seqs), words, seqs)


def fact(words: str, seqs: Seqs = ()) -> Remark:
    """Something that is so."""
    return Remark(True, words, seqs)


def said(grade: int, *remarks: Remark) -> Opinion:
    """The grade with its remarks; what is lacking comes last, so that a "not:" never seems to cover what follows it."""
    reasons = tuple(remark.words for remark in sorted(remarks, key=lambda remark: not remark.good))
    return Opinion(grade, reasons, _cited(remarks))


def points(*remarks: Remark) -> Opinion:
    """One point for each thing that is so."""
    return said(sum(remark.good for remark in remarks), *remarks)


def less(lost: Mapping[str, tuple[int, Seqs]], least: int, otherwise: Remark) -> Opinion:
    """5 less what was lost, by words -> (grades lost, where); `otherwise` is said where nothing was lost."""
    remarks = [fact(words, seqs) for words, (minus, seqs) in lost.items() if minus]
    return said(max(least, 5 - sum(minus for minus, _ in lost.values())), *remarks or [otherwise])


def steps(value: float, one: float, two: float) -> int:
    """How many of two thresholds the value passes."""
    return (value > one) + (value > two)


def nearly_all(some: Seqs, every: Seqs) -> bool:
    """Whether there are any, and nearly all of them are among the some."""
    return bool(every) and len(some) >= NEARLY_ALL * len(every)


def counted(seqs: Seqs, noun: str) -> str:
    """`3 hypotheses`."""
    plural = noun.replace("hypothesis", "hypotheses") if noun == "hypothesis" else f"{noun}s"
    return f"{len(seqs)} {noun if len(seqs) == 1 else plural}"


def _cited(remarks: tuple[Remark, ...]) -> Seqs:
    each = max(1, MOST_CITED // max(1, len(remarks)))
    return tuple(sorted({seq for remark in remarks for seq in remark.seqs[:each]}))
