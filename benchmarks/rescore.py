"""`python -m benchmarks.rescore --traces 50000,100000`: a run over stored traces, on a broker and an engine of its own.

Traces are cut out of the sessions of `benchmarks.judge_cost`, 10 to 25 events each. Beside the run, in alternation: a
bare `getmany` loop that calls the same scoring function with as many processes, on the same cores, and writes nothing;
and Kafka's own ConsumerPerformance on the same topic. Prints JSON: traces/s and MB/s of documents, ratios, memory.
"""

import argparse
import asyncio
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import zstandard
from aiokafka.structs import TopicPartition

from benchmarks.judge_cost import RUBRIC, traces
from benchmarks.peers.servers import Server, broker, family
from deploy.embedded.jars import cache_folder
from deploy.embedded.kafka.__main__ import POM
from deploy.embedded.ports import free_port
from judge.rescore.__main__ import NICENESS
from judge.rescore.scoring import TOGETHER, Grading, make_pool, score_all, scored
from pipeline.canonical import digest, dumps
from pipeline.clickhouse import ClickHouse
from pipeline.document import LEVEL
from pipeline.ids import new_trace_id
from pipeline.kafka import make_producer
from pipeline.logreader import reader
from pipeline.settings import ClickHouseSettings, KafkaSettings, ObjectStoreSettings, load
from pipeline.telemetry import logs_beside_results
from schemas.codec import encode
from schemas.records import TraceAssembled
from schemas.topics import TRACE_ASSEMBLED
from sinks.migrate import migrate
from tests.support.ports import accepts_connections
from tests.support.processes import running
from tests.support.stack import ANALYST_PASSWORD, clickhouse_command

PARTITIONS = 4
PLACES = [TopicPartition(TRACE_ASSEMBLED.name, partition) for partition in range(PARTITIONS)]
LEAST_EVENTS, MOST_EVENTS = 10, 25
INSERTED_TOGETHER = 10_000
SAMPLE_S = 0.5
START_MS = int(time.time() * 1000)
"""Of now, as older rows are past their retention; the ids of later traces are greater."""
GRADING = Grading(dumps(RUBRIC.content()), ObjectStoreSettings(), "bare")


def documents(least: int = LEAST_EVENTS, most: int = MOST_EVENTS) -> list[dict[str, Any]]:
    """Parts of real sessions with so many events, each as the document of a trace of its own."""
    chance, found = random.Random(1), []
    for _, trace in traces():
        whole, first, events = trace.document, 0, trace.document["events"]
        while first < len(events):
            count = chance.randint(least, most)
            part = [{**event, "seq": seq} for seq, event in enumerate(events[first : first + count])]
            if len(part) >= least:
                found.append({**whole, "events": part, "task": {**whole["task"], "id": trace.name}})
            first += count
    return found


def assembled(part: dict[str, Any], number: int) -> TraceAssembled:
    """The finished trace that carries it."""
    trace_id = new_trace_id((START_MS + number) * 1000, number)
    data = dumps({**part, "trace_id": trace_id})
    return TraceAssembled(
        trace_id=trace_id,
        project="default",
        revision=1,
        outcome="completed",
        participant_id="participant-1",
        consent="research",
        task_id="task",
        task_title=part["task"]["title"],
        repo_origin="https://example.org/repo.git",
        created_at_us=START_MS * 1000,
        closed_at_us=START_MS * 1000,
        first_offset=0,
        last_offset=0,
        chunk_count=1,
        event_count=len(part["events"]),
        intact=True,
        complete=True,
        last_link=digest(b"link"),
        head=digest(trace_id.encode()),
        findings=(),
        metrics=b"{}",
        redactions={},
        document=zstandard.compress(data, LEVEL),
        document_digest=digest(data),
        document_size=len(data),
    )


async def fill(kafka: KafkaSettings, clickhouse: ClickHouse, first: int, end: int) -> int:
    """Traces with these numbers, in the log and in the table that plans are made from; bytes of their documents."""
    parts, size = documents(), 0
    producer = make_producer(kafka)
    await producer.start()
    try:
        for number in range(first, end, INSERTED_TOGETHER):
            numbers = range(number, min(end, number + INSERTED_TOGETHER))
            made = [assembled(parts[n % len(parts)], n) for n in numbers]
            sent = [await producer.send(TRACE_ASSEMBLED.name, encode(t), key=t.trace_id.encode()) for t in made]
            placed = await asyncio.gather(*sent)
            rows = [
                (
                    t.trace_id,
                    1,
                    "default",
                    t.head,
                    t.document_size,
                    START_MS,
                    TRACE_ASSEMBLED.name,
                    at.partition,
                    at.offset,
                )
                for t, at in zip(made, placed, strict=True)
            ]
            columns = ("trace_id", "revision", "project", "head", "document_size", "minted_at")
            place = ("source_topic", "source_partition", "source_offset")
            clickhouse.insert("traces", [*columns, *place], [*zip(*rows, strict=True)], f"traces-{number}")
            size += sum(t.document_size for t in made)
    finally:
        await producer.stop()
    return size


async def bare(kafka: KafkaSettings, traces: int, processes: int) -> float:
    """Seconds of a loop that reads, scores and writes nothing; one process scores where it reads."""
    pool = make_pool(processes) if processes > 1 else None
    loop, under_way = asyncio.get_running_loop(), deque[asyncio.Future[Any]]()
    async with reader(kafka, *PLACES) as consumer:
        began_s, taken, values = time.monotonic(), 0, list[bytes]()
        while taken < traces:
            for records in (await consumer.getmany(timeout_ms=200, max_records=500)).values():
                values += [record.value for record in records[: traces - taken]]
                taken += len(records[: traces - taken])
            while len(values) >= TOGETHER or (values and taken == traces):
                some, values = values[:TOGETHER], values[TOGETHER:]
                if pool is None:
                    await scored(GRADING, some)
                    continue
                under_way.append(loop.run_in_executor(pool, score_all, GRADING, some))
                while len(under_way) > 2 * processes:
                    await under_way.popleft()
        for each in under_way:
            await each
        took_s = time.monotonic() - began_s
    if pool:
        pool.shutdown()
    return took_s


@dataclass
class Watch:
    """A process and its children: MiB at each sample, processor seconds at the last."""

    mib: list[float] = field(default_factory=list)
    cpu_s: float = 0.0


@contextmanager
def watched(pid: int) -> Iterator[Watch]:
    """Sampled for as long as this is open."""
    found, over = Watch(), threading.Event()

    def sample() -> None:
        while not over.wait(SAMPLE_S):
            alive = family([pid])
            found.mib.append(sum(map(rss_mib, alive)))
            found.cpu_s = max(found.cpu_s, Server(0, (pid,)).cpu_s())

    sampling = threading.Thread(target=sample)
    sampling.start()
    try:
        yield found
    finally:
        over.set()
        sampling.join()


def rss_mib(pid: int) -> float:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20
    except (FileNotFoundError, ProcessLookupError):
        return 0.0


def measured(command: Sequence[str], request: Mapping[str, Any], cores: set[int]) -> dict[str, Any]:
    """A process on these cores that reads the request and prints what it did; with what it took."""
    began_s = time.monotonic()
    child = subprocess.Popen(
        [sys.executable, "-m", *command],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        preexec_fn=partial(os.sched_setaffinity, 0, cores),
    )
    with watched(child.pid) as watch:
        out, _ = child.communicate(json.dumps(request).encode())
    half = len(watch.mib) // 2
    return {
        **json.loads(out),
        "whole_seconds": round(time.monotonic() - began_s, 1),
        "cpu_s": round(watch.cpu_s, 1),
        "most_mib_first_half": round(max(watch.mib[:half], default=0)),
        "most_mib_second_half": round(max(watch.mib[half:], default=0)),
    }


def run(name: str, traces: int, processes: int, cores: set[int]) -> dict[str, Any]:
    """A whole run as a process of its own."""
    # The ids count up with the numbers of the traces.
    last = new_trace_id((START_MS + traces) * 1000, 0)
    request = {"selection": {"where": f"trace_id < '{last}'"}, "judge": "heuristic", "run": name, "cache": False}
    told = measured(["judge.rescore", "start"], {**request, "by": "benchmark", "parallel": processes}, cores)
    assert told["scored"] == told["traces"] == traces, told
    names = ("seconds", "whole_seconds", "cpu_s", "most_mib_first_half", "most_mib_second_half")
    return {name: told[name] for name in names}


def loop(traces: int, processes: int, cores: set[int]) -> dict[str, Any]:
    """The bare loop as a process of its own."""
    command = ["benchmarks.rescore", "--bare", str(traces), "--processes", str(processes)]
    return measured(command, {}, cores)


def consumer_performance(kafka: KafkaSettings, traces: int) -> dict[str, float]:
    """Records and MB a second of Kafka's own tool; MB are those of the topic, compressed."""
    jars = cache_folder(POM, os.environ)
    command = ["java", "-cp", f"{jars}/*", "org.apache.kafka.tools.ConsumerPerformance", "--hide-header"]
    asked = ["--bootstrap-server", kafka.kafka_bootstrap, "--topic", TRACE_ASSEMBLED.name, "--num-records", str(traces)]
    done = subprocess.run([*command, *asked], capture_output=True, text=True, check=True)
    (line,) = [line for line in done.stdout.splitlines() if line.count(",") >= 9]
    fields = [field.strip() for field in line.split(",")]
    return {"records_per_s": float(fields[5]), "mb_per_s": float(fields[3]), "fetch_records_per_s": float(fields[9])}


@contextmanager
def engine(folder: Path) -> Iterator[ClickHouseSettings]:
    """An engine with the project's tables."""
    port = free_port()
    environment = {"CLICKHOUSE_PASSWORD": "", "CLICKHOUSE_ANALYST_PASSWORD": ANALYST_PASSWORD}
    command = clickhouse_command(port, folder / "clickhouse")
    with running(command, folder / "clickhouse.log", lambda: accepts_connections(port), environment, 60):
        settings = ClickHouseSettings(
            clickhouse_url=f"http://127.0.0.1:{port}",
            clickhouse_database="telemetry",
            clickhouse_analyst_password=ANALYST_PASSWORD,
        )
        migrate(settings)
        yield settings


def compared(traces: int, processes: int, cores: set[int], rounds: int) -> dict[str, Any]:
    """The run beside the bare loop, in alternation."""
    loops, runs = [], []
    for number in range(rounds):
        loops.append(loop(traces, processes, cores))
        runs.append(run(f"run-{traces}-{processes}-{number}", traces, processes, cores))
        print(f"{traces} traces, {processes}: {loops[-1]} {runs[-1]}", file=sys.stderr, flush=True)

    def median(what: str) -> float:
        ratio: float = statistics.median(a[what] / b[what] for a, b in zip(loops, runs, strict=True))
        return round(ratio, 3)

    return {
        "traces": traces,
        "processes": processes,
        "bare_traces_per_s": round(traces / statistics.median(one["seconds"] for one in loops)),
        "run_traces_per_s": round(traces / statistics.median(one["seconds"] for one in runs)),
        "ratio": median("seconds"),
        "ratio_of_processor_time": median("cpu_s"),
        "loops": loops,
        "runs": runs,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--traces", default="50000,100000", help="sizes of the runs with all cores, ascending")
    parser.add_argument("--single", type=int, default=20_000, help="size of the runs with one process; 0: none")
    parser.add_argument("--rounds", type=int, default=3, help="of the comparisons; the longest run is made once")
    parser.add_argument("--bare", type=int, default=0, help="only the loop, over so many traces of KAFKA_BOOTSTRAP")
    parser.add_argument("--processes", type=int, default=1, help="of the loop")
    args = parser.parse_args()
    logs_beside_results()
    # As the run itself does, whatever this one was started with.
    os.setpriority(os.PRIO_PROCESS, 0, max(NICENESS, os.getpriority(os.PRIO_PROCESS, 0)))
    if args.bare:
        seconds = asyncio.run(bare(load(KafkaSettings), args.bare, args.processes))
        return print(json.dumps({"seconds": round(seconds, 2)}))
    sizes, cores = [int(size) for size in args.traces.split(",")], sorted(os.sched_getaffinity(0))[:2]
    with (
        tempfile.TemporaryDirectory(prefix="prt-rescore-") as name,
        broker(cores[0], Path(name)) as kafka,
        engine(Path(name)) as rows,
    ):
        clickhouse = ClickHouse(rows)
        place = {
            "KAFKA_BOOTSTRAP": kafka.kafka_bootstrap,
            "CLICKHOUSE_URL": rows.clickhouse_url,
            "CLICKHOUSE_ANALYST_PASSWORD": ANALYST_PASSWORD,
            "OBJECT_STORE_DIR": f"{name}/objects",
        }
        os.environ.update(place)
        size = asyncio.run(fill(kafka, clickhouse, 0, sizes[-1]))
        print(f"{sizes[-1]} traces, {size / sizes[-1]:,.0f} bytes of document each", file=sys.stderr, flush=True)
        found: dict[str, Any] = {"document_bytes": round(size / sizes[-1])}
        found["consumer_performance"] = consumer_performance(kafka, sizes[-1])
        if args.single:
            found["single"] = compared(args.single, 1, {cores[-1]}, args.rounds)
        found["pool"] = [
            compared(traces, len(cores), set(cores), args.rounds if traces == sizes[0] else 1) for traces in sizes
        ]
        clickhouse.close()
    return print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
