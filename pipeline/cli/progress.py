"""Whether each consumer group gets on, told from outside: that its process lives says nothing of that."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from aiokafka.errors import KafkaError
from aiokafka.structs import TopicPartition

from pipeline.errors import Explained
from pipeline.lag import Lag, alarms, lags
from pipeline.logreader import committed
from pipeline.settings import KafkaSettings

LOOK_TIMEOUT_S = 30.0
# One record of theirs may take that long: test runs and calls of a model have their own deadlines.
LONG_WORK_S = {"sandbox": 1_800.0, "judge": 1_800.0}
IDLE, MOVING, WAITING, STUCK = "idle", "moving", "waiting", "stuck"


class Progress:
    """What one look after the other says of the groups. Times are seconds of one monotonic clock."""

    def __init__(self, patience_s: float, archive_segment_s: float = 0) -> None:
        """`archive_segment_s`: how long the archiver gathers records before it writes and commits them."""
        self._patience_s = patience_s
        self._long_work_s = {**LONG_WORK_S, "archiver": archive_segment_s + patience_s}
        self._since: dict[str, tuple[Mapping[TopicPartition, int], float]] = {}

    def look(self, group: str, found: Sequence[Lag], now_s: float, now_ms: int) -> dict[str, Any]:
        """What `status` shows of a group: idle, moving, waiting, or stuck once that has taken too long."""
        positions, unread = {lag.place: lag.position for lag in found}, sum(lag.unread for lag in found)
        before, since_s = self._since.get(group, (None, now_s))
        moved = before != positions or not unread
        if moved:
            self._since[group] = (positions, now_s)
        still_s = 0.0 if moved else now_s - since_s
        stuck = still_s >= self._long_work_s.get(group, self._patience_s)
        progress = IDLE if not unread else MOVING if moved else STUCK if stuck else WAITING
        return {
            "progress": progress,
            "unread": unread,
            "still_s": round(still_s),
            "alarms": alarms(found, now_ms),
        }


async def group_lags(kafka: KafkaSettings, group: str) -> list[Lag] | None:
    """The lag of a group at what it has committed; None where the broker does not answer."""
    try:
        async with asyncio.timeout(LOOK_TIMEOUT_S):
            return await lags(kafka, await committed(kafka, group))
    except (KafkaError, OSError, TimeoutError, Explained):
        return None


def is_well(report: Mapping[str, Any]) -> bool:
    """Whether nobody has to look after the group."""
    return report["progress"] != STUCK and not report["alarms"]
