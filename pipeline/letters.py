"""Dead letters as values: what one says of itself, how it is put back, and what was decided about it. Pure.

A redriven record is the original one with a note for which group it is, which letter it was, and where it first stood:
to the group it is the record from that place, only later; other groups pass it over.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from aiokafka.structs import ConsumerRecord

from schemas.records import AuditEntry

Headers = Sequence[tuple[str, bytes]]
NOTES = ("dlq-", "redrive-")
FOR_GROUP = "redrive-group"
"""The header that names the one consumer group which a record is put back for."""
"""What our own headers begin with; everything else belongs to the original record."""
REDRIVE, REDRIVEN, DROP = "dlq redrive", "dlq redriven", "dlq drop"
OPEN = "open"
STATES = {REDRIVE: "redriving", REDRIVEN: "redriven", DROP: "dropped"}
"""The last audit entry about a letter -> its state. One that stays `redriving` may not have been sent."""
PENDING = frozenset({OPEN, STATES[REDRIVE]})


class Place(NamedTuple):
    """Where a record stands in the log; spelled `topic/partition/offset`."""

    topic: str
    partition: int
    offset: int

    def __str__(self) -> str:
        return f"{self.topic}/{self.partition}/{self.offset}"


def place_of(text: str) -> Place:
    """The place that is spelled so. Raises ValueError."""
    topic, partition, offset = text.rsplit("/", 2)
    return Place(topic, int(partition), int(offset))


@dataclass(frozen=True, slots=True)
class Letter:
    """A dead letter. `headers` are the original ones; `origin` is None where somebody else wrote the letter.

    `first_offset`: where the record stood before it was ever redriven; `redrive_of`: the letter it was then, or empty.
    """

    place: Place
    origin: Place | None
    first_offset: int
    group: str
    stage: str
    error: str
    reason: str
    at_ms: int
    key: bytes
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]
    redrive_of: str


def letter_of(record: ConsumerRecord) -> Letter:
    """What a record of a dead-letter topic says, whatever is in it."""
    notes = {name: _text(value) for name, value in record.headers if name.startswith(NOTES)}
    origin, first = _origin(notes), _natural(notes.get("redrive-offset"))
    return Letter(
        place=Place(record.topic, record.partition, record.offset),
        origin=origin,
        first_offset=first if first is not None else origin.offset if origin else 0,
        group=notes.get("dlq-group", ""),
        stage=notes.get("dlq-stage", ""),
        error=notes.get("dlq-error", ""),
        reason=notes.get("dlq-reason", ""),
        at_ms=record.timestamp,
        key=record.key or b"",
        value=record.value,
        headers=tuple(header for header in record.headers if not header[0].startswith(NOTES)),
        redrive_of=notes.get("redrive-letter", ""),
    )


def _origin(notes: dict[str, str]) -> Place | None:
    partition, offset = _natural(notes.get("dlq-partition")), _natural(notes.get("dlq-offset"))
    if not notes.get("dlq-topic") or partition is None or offset is None:
        return None
    return Place(notes["dlq-topic"], partition, offset)


def _natural(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 19 else None


def redriven_headers(letter: Letter) -> list[tuple[str, bytes]]:
    """The headers with which a letter goes back."""
    notes = {
        FOR_GROUP: letter.group,
        "redrive-letter": str(letter.place),
        "redrive-offset": str(letter.first_offset),
    }
    return [*letter.headers, *((name, value.encode()) for name, value in notes.items())]


def meant_for(headers: Headers, group: str) -> bool:
    """Whether a group handles a record with these headers: all but those that were redriven for another one."""
    return all(value == group.encode() for name, value in headers if name == FOR_GROUP)


def first_stood_at(record: ConsumerRecord) -> int:
    """The offset at which a record was first written: its own where it was never redriven."""
    said = (_natural(_text(value)) for name, value in record.headers if name == "redrive-offset")
    return next((offset for offset in said if offset is not None), record.offset)


def _text(value: bytes | None) -> str:
    # Kafka has headers without a value.
    return (value or b"").decode(errors="replace")


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which letters are meant; what is None or empty says nothing. Times are milliseconds, offsets the letters' own."""

    topic: str = ""
    group: str = ""
    error: str = ""
    key: str = ""
    since_ms: int | None = None
    until_ms: int | None = None
    first: int | None = None
    last: int | None = None
    places: frozenset[Place] = frozenset()

    def takes(self, letter: Letter) -> bool:
        """Whether a letter is among them."""
        named = (
            (self.topic, letter.place.topic.removesuffix(".dlq")),
            (self.group, letter.group),
            (self.error, letter.error),
            (self.key, letter.key.decode(errors="replace")),
        )
        return (
            all(wanted in ("", said) for wanted, said in named)
            and _within(letter.at_ms, self.since_ms, self.until_ms)
            and _within(letter.place.offset, self.first, self.last)
            and (not self.places or letter.place in self.places)
        )


def _within(number: int, least: int | None, most: int | None) -> bool:
    return (least is None or number >= least) and (most is None or number <= most)


def subject(place: Place) -> str:
    """How the audit trail names a letter."""
    return f"letter/{place}"


def states(entries: Iterable[AuditEntry]) -> dict[str, str]:
    """Subject -> state, of every letter that something was decided about. Entries come in the order of the log."""
    return {entry.subject: STATES[entry.action] for entry in entries if entry.action in STATES}
