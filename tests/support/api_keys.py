"""API keys for tests, recorded on the real `control` topic as the commands record them."""

from pipeline.access import fingerprint, key_topic_key, new_key, new_key_id
from pipeline.audit import audit_entry, change_control
from pipeline.kafka import make_producer
from pipeline.settings import KafkaSettings
from schemas.records import ApiKeyRecorded


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
