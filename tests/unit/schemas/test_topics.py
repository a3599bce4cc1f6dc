"""The table of topics says who reads what, and that is what the services read."""

from __future__ import annotations

import pytest

from schemas.topics import INTEGRITY_LOG, TOPICS
from sinks import archiver, eraser, worker
from streams.notary.__main__ import SOURCES

READ = {
    "notary": {*SOURCES, INTEGRITY_LOG.name},
    "sinks": {*(topic.name for topic in worker.READ), *eraser.TOPICS, *archiver.TOPICS},
}


@pytest.mark.parametrize("service", READ)
def test_a_service_reads_what_the_table_says(service: str) -> None:
    assert READ[service] == {topic.name for topic in TOPICS if service in topic.readers}
