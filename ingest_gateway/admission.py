"""Who must wait: rates by caller and project, and how many uploads of one trace may be open at once."""

import math
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from ingest_gateway.problems import OVERLOADED, RATE_LIMITED, TOO_MANY_UPLOADS, Problem
from ingest_gateway.ratelimits import Buckets, Quota
from pipeline.settings import GatewaySettings


class Admission:
    """The limits of this process; nothing is shared between replicas."""

    def __init__(self, settings: GatewaySettings) -> None:
        self._callers = Buckets("caller", settings.rate_limit_caller_per_s)
        self._projects = Buckets("project", settings.rate_limit_project_per_s)
        self._most_uploads = settings.max_open_uploads
        self._uploads: Counter[str] = Counter()

    def admit(self, caller: str, project: str, now_s: float) -> tuple[Quota, ...]:
        """Count one request at a monotonic time, in seconds; what is left of each limit. Refused, see `refuse`.

        A request that its caller's limit refuses costs the project nothing.
        """
        own = self._callers.take((project, caller), now_s)
        if own is not None and own.wait_s:
            return (own,)
        shared = self._projects.take(project, now_s)
        return tuple(quota for quota in (own, shared) if quota is not None)

    @property
    def open_uploads(self) -> int:
        """How many uploads are open, of all traces."""
        return self._uploads.total()

    @contextmanager
    def uploading(self, trace_id: str) -> Iterator[None]:
        """One upload of the trace is open. Raises Problem where there are too many."""
        if self._uploads[trace_id] >= self._most_uploads:
            detail = f"{self._most_uploads} uploads of this trace are open; wait for one of them"
            raise Problem(TOO_MANY_UPLOADS, detail, retry_after_s=1)
        self._uploads[trace_id] += 1
        try:
            yield
        finally:
            self._uploads[trace_id] -= 1
            if not self._uploads[trace_id]:
                del self._uploads[trace_id]


class OpenStreams:
    """How many status streams this process serves now, at most `most`."""

    def __init__(self, most: int) -> None:
        self._most = most
        self.open = 0

    def take(self) -> None:
        """One more is open, until `release`. Raises Problem where there are too many."""
        if self.open >= self._most:
            raise Problem(OVERLOADED, "too many status streams are open here", retry_after_s=5)
        self.open += 1

    def release(self) -> None:
        """One is closed."""
        self.open -= 1


def refuse(quotas: tuple[Quota, ...]) -> None:
    """Raises Problem where one of the limits was reached."""
    for quota in quotas:
        if quota.wait_s:
            detail = f"the limit of this {quota.policy} is reached"
            raise Problem(RATE_LIMITED, detail, retry_after_s=max(1, math.ceil(quota.wait_s)))
