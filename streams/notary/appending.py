"""From a finished revision, a verdict or a score to its leaf on integrity-log.

What the leaf stands for is in the object store before the leaf is in the log, and that is before the offset moves: a
crash in between repeats both, which changes nothing.
"""

import base64
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from aiokafka.structs import ConsumerRecord

from pipeline.canonical import dumps
from pipeline.clock import Clock
from pipeline.deadletter import DeadLetters
from pipeline.each import EachPlaced, Handler
from pipeline.erasure import is_erased
from pipeline.errors import Erased, Invalid
from pipeline.leaves import Leaf, leaf_of
from pipeline.objectstore import ObjectStore
from schemas.records import LeafAppended, Record, TraceAssembled

Emit = Callable[[LeafAppended], Awaitable[None]]


def kept_of(leaf: Leaf, record: Record) -> bytes:
    """What the object store keeps of a leaf: {leaf, record, document?, document_ref?}, canonical JSON.

    `leaf` and `record` are the hashed bytes as text; `document` is the compressed document in base64.
    """
    fields: dict[str, Any] = {"leaf": leaf.data.decode(), "record": leaf.record.decode()}
    if isinstance(record, TraceAssembled):
        if record.document is not None:
            fields["document"] = base64.b64encode(record.document).decode()
        if record.document_ref is not None:
            fields["document_ref"] = record.document_ref
    return dumps(fields)


class Appender:
    """Writes leaves. `emit` returns when the log has the record."""

    def __init__(self, store: ObjectStore, emit: Emit, clock: Clock) -> None:
        self._store, self._emit, self._clock = store, emit, clock

    async def append(self, source: ConsumerRecord, record: Record) -> None:
        """Append the leaf of one record.

        Raises Invalid for another record, Erased for one of an erased trace, Retryable while the store is away.
        """
        leaf = leaf_of(record)
        try:
            await self._store.put(leaf.key(), kept_of(leaf, record))
        except ValueError as error:
            raise Invalid(f"{leaf.trace_id[:80]!r} names no object: {error}") from None
        if await is_erased(self._store, leaf.trace_id):
            await self._store.delete(leaf.key())
            raise Erased(leaf.trace_id)
        await self._emit(
            LeafAppended(
                kind=leaf.kind,
                trace_id=leaf.trace_id,
                revision=leaf.revision,
                leaf_hash=leaf.hash,
                source_topic=source.topic,
                source_partition=source.partition,
                source_offset=source.offset,
                appended_at_us=self._clock(),
            )
        )


class Appending(EachPlaced):
    """The step of the notary's consumer: a leaf for each record."""

    def __init__(self, appender: Appender, dead_letters: DeadLetters, parallel: int) -> None:
        super().__init__(dead_letters, parallel)
        self._appender = appender

    def handler_of(self, record: ConsumerRecord) -> Handler:
        return partial(self._appender.append, record)
