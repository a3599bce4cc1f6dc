"""What the gateway counts, in one place; served at /metrics in Prometheus' text format."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram


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
