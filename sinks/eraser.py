"""The handler that erases traces from the object store, and again what services that were still at work store late.

The mark of an erased trace stands before anything of it is looked for: see `pipeline.erasure`.
"""

from pipeline.archive import erase_archived
from pipeline.erasure import erase_objects, is_erased, mark_erased
from pipeline.objectstore import ObjectStore
from pipeline.telemetry import logger
from schemas.records import ArtifactStored, Record, TraceAssembled, TraceErased, TraceJudged
from schemas.topics import RESCORES, TRACE_ASSEMBLED, TRACE_JUDGED, TRACE_LOG

GROUP = "eraser"
TOPICS = tuple(topic.name for topic in (TRACE_LOG, TRACE_ASSEMBLED, TRACE_JUDGED, RESCORES))
log = logger(__name__)


class Eraser:
    """Follows the topics whose records tell of stored objects."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    async def handle(self, record: Record) -> None:
        """Erase what is to be erased because of this record. Raises Retryable while the store is away."""
        match record:
            case TraceErased():
                await mark_erased(self._store, record.trace_id)
                await self._erase(record)
                await erase_archived(self._store, record.trace_id)
            case ArtifactStored():
                await self._erase_if_late(record)
            case TraceAssembled() if record.document_ref:
                await self._erase_if_late(record)
            case TraceJudged() if record.evidence_ref:
                await self._erase_if_late(record)

    async def _erase_if_late(self, record: ArtifactStored | TraceAssembled | TraceJudged) -> None:
        if await is_erased(self._store, record.trace_id):
            await self._erase(record)

    async def _erase(self, record: TraceErased | ArtifactStored | TraceAssembled | TraceJudged) -> None:
        removed = await erase_objects(self._store, record.project, record.trace_id)
        log.info("erased from the object store", trace_id=record.trace_id, objects=removed)
