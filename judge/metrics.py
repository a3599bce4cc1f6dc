"""What a judge process counts, as Prometheus reads it. docs/monitoring.md has the list."""

from dataclasses import dataclass
from typing import Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, start_http_server

from judge.budget import NANO
from schemas.records import TraceJudged

SECONDS = (0.25, 0.5, 1, 2, 4, 8, 15, 30, 60, 120, 300)


@dataclass(frozen=True, slots=True)
class Call:
    """One request to a model, as it went."""

    model: str
    result: Literal["answered", "refused", "deadline", "unavailable"]
    took_s: float
    prompt_tokens: int = 0
    completion_tokens: int = 0


class Metrics:
    """Counters of one process, from 0, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._scores = Counter("judge_scores", "revisions judged", ["outcome", "reason"], registry=self.registry)
        self._calls = Counter("judge_calls", "requests to a model", ["model", "result"], registry=self.registry)
        self._seconds = Histogram(
            "judge_call_seconds", "time of a request, seconds", ["model"], buckets=SECONDS, registry=self.registry
        )
        self._tokens = Counter("judge_tokens", "tokens read and written", ["model", "kind"], registry=self.registry)
        self._cost = Counter(
            "judge_cost_usd", "what scores cost, where prices are known, dollars", registry=self.registry
        )
        self.paused = Gauge("judge_paused_traces", "traces that wait for a budget", registry=self.registry)

    def called(self, call: Call) -> None:
        """A request came to an end."""
        self._calls.labels(call.model, call.result).inc()
        self._seconds.labels(call.model).observe(call.took_s)
        self._tokens.labels(call.model, "prompt").inc(call.prompt_tokens)
        self._tokens.labels(call.model, "completion").inc(call.completion_tokens)

    def scored(self, judged: TraceJudged) -> None:
        """A score is in the log."""
        self._scores.labels(judged.outcome, judged.reason or "").inc()
        self._cost.inc((judged.cost_nano_usd or 0) / NANO)

    def serve(self, host: str, port: int) -> None:
        """Answer `GET /metrics` from now on, from a thread of its own."""
        start_http_server(port, host, self.registry)
