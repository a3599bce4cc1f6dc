"""API keys for tests, recorded on the real `control` topic as the commands record them; and eyes on the audit trail."""

from aiokafka.structs import TopicPartition

from pipeline.access import fingerprint, key_topic_key, new_key, new_key_id
from pipeline.audit import audit_entry, change_control
from pipeline.kafka import make_consumer, make_producer
from pipeline.settings import KafkaSettings
from schemas.codec import decode
from schemas.records import ApiKeyRecorded, AuditEntry
from schemas.topics import AUDIT_LOG


async def record_keys(kafka: KafkaSettings, *wanted: tuple[str, str, bool]) -> list[str]:
    """The keys that were recorded for each (project, role, revoked)."""
    producer, made = make_producer(kafka), []
    await producer.start()
    try:
        for project, role, revoked in wanted:
            key_id = new_key_id()
            key = new_key(key_id)
            record = ApiKeyRecorded(
                key_id=key_id,
                project=project,
                role=role,
                key_hash=fingerprint(key),
                revoked=revoked,
                recorded_at_us=1,
            )
            entry = audit_entry("cli/test", "key create", f"key/{key_id}", 1, project)
            await change_control(producer, key_topic_key(key_id), record, entry)
            made.append(key)
    finally:
        await producer.stop()
    return made


async def audit_of(kafka: KafkaSettings, subject: str) -> list[AuditEntry]:
    """The entries about a subject, in order."""
    consumer = make_consumer(kafka)
    await consumer.start()
    found: list[AuditEntry] = []
    try:
        partitions = [TopicPartition(AUDIT_LOG.name, number) for number in range(AUDIT_LOG.partitions[0])]
        consumer.assign(partitions)
        await consumer.seek_to_beginning(*partitions)
        ends = await consumer.end_offsets(partitions)
        while any([await consumer.position(p) < ends[p] for p in partitions]):
            for batch in (await consumer.getmany(timeout_ms=200)).values():
                entries = [decode(record.value) for record in batch]
                found += [entry for entry in entries if isinstance(entry, AuditEntry) and entry.subject == subject]
    finally:
        await consumer.stop()
    return sorted(found, key=lambda entry: entry.at_us)
