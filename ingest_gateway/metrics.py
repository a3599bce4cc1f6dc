"""What the gateway counts, in one place; served at /metrics in Prometheus' text format."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

Answers = tuple[Callable[[], None], Callable[[float], None]]


class Metrics:
    """The gateway's metrics in a registry of their own, so that two applications in one process do not mix."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        self.requests = Counter(
            "gateway_requests", "requests answered", ["method", "route", "status"], registry=registry
        )
        self.seconds = Histogram(
            "gateway_request_seconds", "time to answer, seconds", ["method", "route"], registry=registry
        )
        self.events = Counter("gateway_events_appended", "events that the log has confirmed", registry=registry)
        self.chunk_bytes = Counter("gateway_chunk_bytes", "bytes of those events as stored", registry=registry)
        self.artifact_bytes = Counter("gateway_artifact_bytes", "bytes of artifacts as stored", registry=registry)
        self.redactions = Counter("gateway_redactions", "secrets removed, by rule", ["rule"], registry=registry)
        self.rejects = Counter(
            "gateway_rejects", "events refused while others of their chunk were taken", registry=registry
        )
        self.replays = Counter("gateway_replays", "retries answered from memory", registry=registry)
        self.denials_dropped = Counter(
            "gateway_denials_dropped", "refusals that the audit trail lacks", registry=registry
        )
        self.in_flight = Gauge("gateway_in_flight_bytes", "request bytes held", registry=registry)
        self.log_up = Gauge("gateway_log_up", "1 while the log takes records", registry=registry)
        self.waiting_records = Gauge(
            "gateway_log_waiting_records", "records whose confirmation by the log is awaited", registry=registry
        )
        self.waiting_bytes = Gauge("gateway_log_waiting_bytes", "bytes of those records", registry=registry)
        self.open_uploads = Gauge(
            "gateway_open_uploads", "chunks, artifacts and completions being taken", registry=registry
        )
        self.spooled = Gauge("gateway_spooled_bytes", "artifacts held in temporary files, bytes", registry=registry)
        self.streams = Gauge("gateway_status_streams", "status streams being served", registry=registry)
        self._answers: dict[tuple[str, str, int], Answers] = {}

    def answers(self, method: str, route: str, status: int) -> Answers:
        """What counts an answer, and what takes its seconds; looked up by labels once."""
        known = self._answers.get((method, route, status))
        if known is None:
            known = (
                self.requests.labels(method, route, str(status)).inc,
                self.seconds.labels(method, route).observe,
            )
            self._answers[(method, route, status)] = known
        return known
