"""`python -m benchmarks.gateway`: the gateway beside its peers, in one run, in alternation, on two pinned cores.

The server that is measured has core 0 (`--server-core`) for itself; broker and load share core 1. Compared are a bare
Starlette hello, ingest with 1 to 100 events a chunk to the real broker (`acks=all`), the OpenTelemetry Collector (Go)
with the same events, and the usual design without a log (a row per event in PostgreSQL, one commit a request). Figures
are medians of the rounds with least and most. Goals stand beside the ratios; what is absent here is said and left out.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from benchmarks.load import load
from benchmarks.peers import payloads, servers
from benchmarks.peers.servers import Absent, Server

SIZES = (1, 10, 50, 100)
WARM_S = 0.5
HALF = 0.5
HELLO, ECHO, GATEWAY = "hello (Starlette)", "echo of {} a chunk (bare ASGI)", "gateway, {} a chunk"
COLLECTOR, NAIVE = "collector, {} a request", "PostgreSQL, {} a request"


@dataclass
class Subject:
    """A server under one kind of load, and what its rounds showed."""

    name: str
    server: Server
    events: int
    supplies: Sequence[payloads.Supply]
    per_s: list[float] = field(default_factory=list)
    cpu_us: list[float] = field(default_factory=list)

    def round(self, seconds: float) -> None:
        """Load it flat out. Raises RuntimeError for an answer that is no success."""
        load(self.server.port, self.supplies, WARM_S)
        before = self.server.cpu_s()
        outcome = load(self.server.port, self.supplies, seconds)
        spent = self.server.cpu_s() - before
        refused = {status: count for status, count in outcome.statuses.items() if not 200 <= status < 300}
        if refused:
            raise RuntimeError(f"{self.name} refused: {refused}")
        self.per_s.append(outcome.per_s)
        self.cpu_us.append(1e6 * spent / len(outcome.latencies_s))

    @property
    def rate(self) -> float:
        """Requests a second."""
        return statistics.median(self.per_s)

    @property
    def cost_us(self) -> float:
        """Processor microseconds a request."""
        return statistics.median(self.cpu_us)

    @property
    def events_per_core_s(self) -> float:
        """Events in a second of processor time."""
        return self.events * 1e6 / self.cost_us

    def line(self) -> str:
        """Its row of the table."""
        events = max(self.events, 1)
        return (
            f"{self.name:<34}{self.rate:>9,.0f} ({min(self.per_s):,.0f} to {max(self.per_s):,.0f})".ljust(66)
            + f"{self.rate * events:>10,.0f}{self.cost_us:>10,.0f}{self.cost_us / events:>12.1f}"
        )


def subjects(stack: ExitStack, cores: tuple[int, int], folder: Path, connections: int) -> tuple[list[Subject], str]:
    """Everything that can be had here, started; and the broker's address."""
    core, other = cores
    kafka = stack.enter_context(servers.broker(other, folder))
    found: list[Subject] = []

    def add(name: str, server: Server, events: int, supply: Callable[[], payloads.Supply]) -> None:
        found.append(Subject(name, server, events, [supply() for _ in range(connections)]))

    add(HELLO, stack.enter_context(servers.app("hello", core)), 0, payloads.hello)
    echo = stack.enter_context(servers.app("echo", core))
    gateway = stack.enter_context(servers.gateway(core, kafka, folder))
    for size in SIZES:
        add(ECHO.format(size), echo, size, partial(payloads.chunks, "/", "none", size))
        add(GATEWAY.format(size), gateway, size, partial(payloads.opened, gateway.port, size))
    for start, name, supply, sizes in (
        (servers.collector(core, kafka), COLLECTOR, payloads.otlp, SIZES),
        (servers.naive(core, folder), NAIVE, payloads.unopened, (1, 10, 100)),
    ):
        try:
            server = stack.enter_context(start)
        except Absent as reason:
            print(f"absent: {reason}", file=sys.stderr)
            continue
        for size in sizes:
            add(name.format(size), server, size, partial(supply, size))
    return found, kafka.kafka_bootstrap


def stages(core: int, kafka: str) -> dict[int, dict[str, float]]:
    """The parts of ingest alone, measured on the server's core; see benchmarks.stages."""
    command = [sys.executable, "-m", "benchmarks.stages", "--kafka", kafka, "--events", ",".join(map(str, SIZES))]
    done = subprocess.run(
        command, check=True, stdout=subprocess.PIPE, preexec_fn=lambda: os.sched_setaffinity(0, {core})
    )
    return {int(size): parts for size, parts in json.loads(done.stdout).items()}


def _goal(what: str, value: float, goal: float, unit: str = "x") -> None:
    print(f"{what:<66}{value:>10,.2f} {unit:<5} goal {goal:g}: {'met' if value >= goal else 'NOT MET'}")


def compare(by_name: Mapping[str, Subject], parts: Mapping[int, Mapping[str, float]]) -> None:
    """The ratios that the goals are about."""
    ours, most = by_name[GATEWAY.format(10)], by_name[GATEWAY.format(100)]
    print()
    _goal("10 a chunk: requests a second against hello", ours.rate / by_name[HELLO].rate, 0.25)
    for size in SIZES:
        http, alone = by_name[ECHO.format(size)].cost_us, parts[size]
        allowed = 1e6 / (http + alone["application"] + alone["producer"])
        told = ", ".join(f"{name} {us:.0f}" for name, us in {"HTTP server": http, **alone}.items())
        print(f"{size} a chunk, stages alone in us: {told}; together they allow {allowed:,.0f}/s")
        _goal(
            f"{size} a chunk: against what its stages allow together", by_name[GATEWAY.format(size)].rate / allowed, 0.7
        )
    _goal("100 a chunk: thousand events a second of a core", most.events_per_core_s / 1000, 60, "k/s")
    for size in SIZES:
        if peer := by_name.get(COLLECTOR.format(size)):
            ratio = by_name[GATEWAY.format(size)].events_per_core_s / peer.events_per_core_s
            _goal(f"{size} a chunk: events a second of a core against the collector", ratio, 0.5)
    if naive := by_name.get(NAIVE.format(1)):
        _goal("events a second: 100 a chunk against a row and a commit an event", most.rate * 100 / naive.rate, 15)
    for size in (10, 100):
        if naive := by_name.get(NAIVE.format(size)):
            ratio = by_name[GATEWAY.format(size)].rate / naive.rate
            print(f"{f'  for comparison, {size} rows a commit against {size} a chunk':<66}{ratio:>10,.2f} x")


def at_half(subject: Subject, rounds: int, seconds: float) -> None:
    """Latency at half of the load that it takes, from the time at which a request was due."""
    runs = [load(subject.server.port, subject.supplies, seconds, subject.rate * HALF) for _ in range(rounds)]
    p50, p99 = (statistics.median(run.quantile_ms(share) for run in runs) for share in (0.5, 0.99))
    print(f"\n{subject.name} at half load ({subject.rate * HALF:,.0f}/s): p50 {p50:.1f} ms, p99 {p99:.1f} ms")
    _goal("p99 at half load: 25 ms over it", 25 / p99, 1)
    _goal("p99 at half load: five times p50 over it", 5 * p50 / p99, 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3.0, help="of each measurement")
    parser.add_argument("--connections", type=int, default=128)
    parser.add_argument("--cores", type=int, nargs=2, default=(0, 1), metavar=("SERVER", "OTHERS"))
    args = parser.parse_args()
    os.sched_setaffinity(0, {args.cores[1]})
    with ExitStack() as stack, tempfile.TemporaryDirectory() as folder:
        found, kafka = subjects(stack, tuple(args.cores), Path(folder), args.connections)
        for _ in range(args.rounds):
            for subject in found:
                subject.round(args.seconds)
        parts = stages(args.cores[0], kafka)
        print(f"{'':<34}{'requests/s (least to most)':>32}{'events/s':>10}{'us/request':>10}{'CPU s/M ev':>12}")
        for subject in found:
            print(subject.line())
        by_name = {subject.name: subject for subject in found}
        compare(by_name, parts)
        at_half(by_name[GATEWAY.format(10)], args.rounds, args.seconds)


if __name__ == "__main__":
    main()
