"""Records of the past, put back into their topic for one consumer group: rows are made again, traces are judged anew.

Each is the record as it was, with the note that other groups pass over it. trace-log is not put back: its records name
one another by their offsets.
"""

from aiokafka import AIOKafkaProducer
from aiokafka.structs import TopicPartition

from pipeline.letters import FOR_GROUP
from pipeline.replay import Log, Wanted
from pipeline.segments import Entry
from schemas.topics import RESCORES, TRACE_ASSEMBLED, TRACE_JUDGED, TRACE_VALIDATED

REFED: dict[str, tuple[str, ...]] = {
    TRACE_ASSEMBLED.name: ("sinks", "sandbox", "judge"),
    TRACE_VALIDATED.name: ("sinks",),
    TRACE_JUDGED.name: ("sinks",),
    RESCORES.name: ("sinks",),
}
"""Topic -> the groups that it may be put back for."""


async def refeed(log: Log, place: TopicPartition, wanted: Wanted, group: str, producer: AIOKafkaProducer) -> int:
    """Put back what is wanted of a partition, in order; how many. Neither erased records nor those put back before.

    Raises Hole, Invalid, Retryable, KafkaError.
    """
    count = 0
    async for entry in log.entries(place, wanted):
        if not entry.erased and not _put_back(entry):
            headers = [*entry.headers, (FOR_GROUP, group.encode())]
            sent = {"key": entry.key, "partition": place.partition, "headers": headers}
            await producer.send_and_wait(place.topic, entry.value, **sent)
            count += 1
    return count


def _put_back(entry: Entry) -> bool:
    return any(name == FOR_GROUP for name, _ in entry.headers)
