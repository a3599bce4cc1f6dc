"""The dead-letter topics and what was decided about their letters: read, put back, set aside.

Nothing is ever deleted: a decision is an entry in the audit trail, and the letter stays until its topic's retention. A
letter goes back between two entries, `dlq redrive` and `dlq redriven`. Where only the first is there, it may be in the
log or not, and putting it back once more does no harm.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from aiokafka import AIOKafkaProducer

from pipeline.audit import append, audit_entry
from pipeline.clock import Clock
from pipeline.kafka import DLQ_RETENTION_MS, connect, make_producer
from pipeline.letters import (
    DROP,
    OPEN,
    PENDING,
    REDRIVE,
    REDRIVEN,
    Letter,
    Place,
    Wanted,
    letter_of,
    redriven_headers,
    states,
    subject,
)
from pipeline.logreader import since
from pipeline.settings import KafkaSettings
from schemas.codec import UndecodableRecord, decode
from schemas.records import AuditEntry
from schemas.topics import AUDIT_LOG, TOPICS

# Entries about a letter are younger than the letter; a day more allows for clocks that differ.
ENTRIES_MS = DLQ_RETENTION_MS + 24 * 3600 * 1000
LETTER_TOPICS = {topic.name: topic.dlq for topic in TOPICS if topic.dead_letters}


@dataclass(frozen=True, slots=True)
class Filed:
    """A letter and its state: open, redriving, redriven or dropped."""

    letter: Letter
    state: str

    @property
    def pending(self) -> bool:
        """Whether somebody still has to do something about it."""
        return self.state in PENDING


class Letterbox:
    """Reads and decides. Made by `letterbox`."""

    def __init__(self, kafka: KafkaSettings, producer: AIOKafkaProducer, clock: Clock) -> None:
        self._kafka, self._producer, self._clock = kafka, producer, clock

    async def letters(self, wanted: Wanted) -> AsyncIterator[Filed]:
        """The wanted letters, in the order of each partition, up to those of now. Raises KafkaError."""
        decided = states([entry async for entry in self._entries()])
        for topic in [LETTER_TOPICS[wanted.topic]] if wanted.topic else LETTER_TOPICS.values():
            async for record in since(self._kafka, topic):
                letter = letter_of(record)
                if wanted.takes(letter):
                    yield Filed(letter, decided.get(subject(letter.place), OPEN))

    async def redrive(self, letters: Sequence[Letter], actor: str) -> list[Place]:
        """Put letters back where they came from, for the group that refused them; their new places.

        All of them must have an origin. Raises KafkaError: then a letter may stay `redriving`.
        """
        await self._note(REDRIVE, letters, actor)
        sent = await asyncio.gather(*(self._put_back(letter) for letter in letters))
        await self._note(REDRIVEN, letters, actor, sent)
        return sent

    async def drop(self, letters: Sequence[Letter], actor: str, reason: str) -> None:
        """Note that nothing is to be done about these letters. Raises KafkaError."""
        await self._note(DROP, letters, actor, reason=reason)

    async def _put_back(self, letter: Letter) -> Place:
        assert letter.origin
        topic, partition, _ = letter.origin
        answer = await self._producer.send_and_wait(
            topic, letter.value, key=letter.key or None, partition=partition, headers=redriven_headers(letter)
        )
        return Place(topic, partition, answer.offset)

    async def _note(
        self, action: str, letters: Sequence[Letter], actor: str, places: Sequence[Place] = (), reason: str = ""
    ) -> None:
        entries = [
            audit_entry(actor, action, subject(letter.place), self._clock(), detail=_facts(letter, reason))
            for letter in letters
        ]
        for entry, place in zip(entries, places, strict=False):
            entry.detail["place"] = str(place)
        await asyncio.gather(*(append(self._producer, entry) for entry in entries))

    async def _entries(self) -> AsyncIterator[AuditEntry]:
        async for record in since(self._kafka, AUDIT_LOG.name, self._clock() // 1000 - ENTRIES_MS):
            try:
                entry = decode(record.value)
            except UndecodableRecord:
                continue
            if isinstance(entry, AuditEntry):
                yield entry


def _facts(letter: Letter, reason: str) -> dict[str, str]:
    facts = {"group": letter.group, "error": letter.error, "origin": str(letter.origin or ""), "reason": reason}
    return {name: text for name, text in facts.items() if text}


@asynccontextmanager
async def letterbox(kafka: KafkaSettings, clock: Clock) -> AsyncIterator[Letterbox]:
    """A letterbox that is connected. Raises KafkaError, Refused."""
    producer = make_producer(kafka)
    try:
        await connect(producer)
        yield Letterbox(kafka, producer, clock)
    finally:
        await producer.stop()
