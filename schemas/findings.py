"""What can be found wrong with a trace: the kinds of integrity findings, and the verdict that each speaks against.

*Intact*: nothing that arrived was altered. *Complete*: nothing that was sent is missing.
"""

from enum import StrEnum
from typing import Literal, NamedTuple

Verdict = Literal["intact", "complete"]


class Meaning(NamedTuple):
    """What was found; the offsets that a finding names; the verdict it speaks against, None for neither."""

    found: str
    offsets: str
    against: Verdict | None


class Kind(StrEnum):
    """The kind of a finding, as it stands in `Finding.kind`."""

    DUPLICATE = "duplicate"
    FORK = "fork"
    HASH_MISMATCH = "hash_mismatch"
    BROKEN_LINK = "broken_link"
    UNREADABLE = "unreadable"
    REPEATED_SEQ = "repeated_seq"
    DISORDER = "disorder"
    COUNT_MISMATCH = "count_mismatch"
    BACK_DATED = "back_dated"
    GAP = "gap"
    DANGLING_REFERENCE = "dangling_reference"
    TRUNCATED = "truncated"
    OVERSIZE = "oversize"
    LOST = "lost"


MEANINGS: dict[Kind, Meaning] = {
    Kind.DUPLICATE: Meaning("a chunk stored again: same request, or same bytes; an honest retry", "both copies", None),
    Kind.FORK: Meaning(
        "other content under a `chunk_seq` that is taken; the first copy counts", "both copies", "intact"
    ),
    Kind.HASH_MISMATCH: Meaning("the stored bytes do not have the chunk's digest", "the chunk", "intact"),
    Kind.BROKEN_LINK: Meaning(
        "`prev_chunk_digest` is not the digest of the chunk before", "the chunk, and the one before it", "intact"
    ),
    Kind.UNREADABLE: Meaning(
        "stored bytes that are no event; they stay out of document and measures, the chain has them",
        "the chunk",
        "intact",
    ),
    Kind.REPEATED_SEQ: Meaning("an event number used twice", "the chunks of the later ones", "intact"),
    Kind.DISORDER: Meaning("an event number lower than the one before it", "the chunks of the lower ones", "intact"),
    Kind.COUNT_MISMATCH: Meaning(
        "more events than the client said, or chunks beyond its last receipt, without being late",
        "the end that the client sent; the chunks beyond",
        "intact",
    ),
    Kind.BACK_DATED: Meaning(
        "a record's server time is over five minutes earlier than that of a record before it in the log",
        "the earlier record, and the one that is dated before it",
        "intact",
    ),
    Kind.GAP: Meaning("missing chunk or event numbers", "the chunks on both sides of each hole", "complete"),
    Kind.DANGLING_REFERENCE: Meaning(
        "an event refers to a file that was never stored; storing it later makes a revision without this",
        "the chunks of the events",
        "complete",
    ),
    Kind.TRUNCATED: Meaning(
        "fewer events than the client said, or its last receipt's chunk is not there",
        "the end that the client sent",
        "complete",
    ),
    Kind.OVERSIZE: Meaning(
        "the trace is larger than a revision can be; what came beyond is in the log only", "where it begins", "complete"
    ),
    Kind.LOST: Meaning(
        "chunks that were there once and that the log does not hold any more", "where they stood", "complete"
    ),
}


def against(verdict: Verdict) -> frozenset[str]:
    """The kinds that speak against a verdict."""
    return frozenset(kind for kind, meaning in MEANINGS.items() if meaning.against == verdict)
