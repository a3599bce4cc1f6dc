"""`python -m benchmarks.exports --traces 1000,20000`: how fast `export` writes each format, and in how much memory.

Traces are parts of real sessions, 10 to 25 events each and the session's patch, with a verdict and a score; four of a
task. Each export is a process of its own against a real engine, and so is what it is held against: a bare SELECT of the
same stored events, in order, thrown away as it comes. Prints a table; MB are 10^6 bytes, of the stored events.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import zstandard

from benchmarks.rebuild import EXAMPLES, engine
from benchmarks.rescore import START_MS, assembled, documents
from pipeline.canonical import loads
from pipeline.clickhouse import ClickHouse
from pipeline.exports.formats import FORMATS
from pipeline.exports.reading import Reader
from pipeline.exports.running import Asked, Export
from pipeline.exports.splits import Splits
from pipeline.ids import new_trace_id
from pipeline.selection import Selection
from pipeline.settings import ClickHouseSettings, load
from schemas.records import Record, TraceAssembled, TraceJudged, TraceValidated
from sinks.blocks import Entry, block_of, columns
from sinks.migrate import migrate
from sinks.rows import Position, rows_of

SELECT = "bare SELECT"
TOGETHER, OF_A_TASK, OF_A_REPOSITORY = 500, 4, 40
WHOLE = loads(zstandard.decompress(EXAMPLES[TraceAssembled.__name__].document))
"""A document with all that one has."""
BARE = "SELECT trace_id, event FROM v1_events WHERE trace_id <= '{}' ORDER BY trace_id, chain_index"
PATCH = "--- a/m.py\n+++ b/m.py\n@@ -1,2 +1,2 @@\n def f():\n-    return 1\n+    return {}\n"


def fill(clickhouse: ClickHouse, traces: int) -> None:
    """So many stored traces."""
    parts = [(part, assembled(part, 0)) for part in documents()]
    for first in range(0, traces, TOGETHER):
        entries = []
        for number in range(first, min(first + TOGETHER, traces)):
            records, document = _trace(*parts[number % len(parts)], number)
            tables: dict[str, Any] = {}
            for record in records:
                tables |= rows_of(record, Position("bench", 0, number), document)
            entries.append(Entry(number, tables))
        block = block_of("bench", 0, entries)
        for table, rows in block.rows.items():
            clickhouse.insert(table, *columns(rows), block.token(table))


def _size(clickhouse: ClickHouse, traces: int) -> int:
    last = {"last": _id(traces - 1)}
    [row] = clickhouse.rows("SELECT sum(length(event)) AS size FROM v1_events WHERE trace_id <= {last:String}", last)
    return int(row["size"])


def _trace(part: dict[str, Any], finished: TraceAssembled, number: int) -> tuple[list[Record], dict[str, Any]]:
    events = part["events"]
    commit: dict[str, Any] = {"type": "commit", "message": "final patch", "diff_unified": PATCH.format(number)}
    commit |= {"id": "final", "seq": len(events), "ts_client_us": events[-1]["ts_client_us"]}
    trace_id = _id(number)
    document = {**WHOLE, **part, "trace_id": trace_id, "events": [*events, commit]}
    document["chunks"] = [{**WHOLE["chunks"][0], "event_count": len(events) + 1}]
    trace = replace(
        finished,
        trace_id=trace_id,
        consent="training",
        task_id=f"task-{number // OF_A_TASK}",
        repo_origin=f"https://git.example.org/acme/repository-{number // OF_A_REPOSITORY}.git",
        start_commit=f"{number // OF_A_REPOSITORY:040x}",
        event_count=len(events) + 1,
        created_at_us=START_MS * 1000 + number,
    )
    verdict = "not_fixed" if number % 2 else "fixed"
    validated = replace(EXAMPLES[TraceValidated.__name__], trace_id=trace_id, verdict=verdict)
    return [trace, validated, replace(EXAMPLES[TraceJudged.__name__], trace_id=trace_id)], document


def _id(number: int) -> str:
    return new_trace_id((START_MS + number) * 1000, number)


def one(name: str, last: str, folder: Path) -> dict[str, Any]:
    """One export, or the bare SELECT, in this process: units, seconds, processor seconds, peak MiB."""
    clickhouse = ClickHouse(load(ClickHouseSettings), analyst=True)
    began_s, cpu_s = time.monotonic(), time.process_time()
    with closing(clickhouse):
        done = _select(clickhouse, last) if name == SELECT else _export(clickhouse, name, last, folder)
    took_s, cpu_s = time.monotonic() - began_s, time.process_time() - cpu_s
    return {"units": done, "seconds": took_s, "cpu_s": cpu_s, "peak_mib": _peak_mib()}


def _peak_mib() -> float:
    """Of this program: what getrusage says is that of whoever started it, where that was larger."""
    told = Path("/proc/self/status").read_text()
    return int(told.partition("VmHWM:")[2].split()[0]) / 1024


def _select(clickhouse: ClickHouse, last: str) -> int:
    seen, before = 0, b""
    for line in clickhouse.lines(BARE.format(last), "TabSeparated"):
        trace_id = line[: line.index(b"\t")]
        seen, before = seen + (trace_id != before), trace_id
    return seen


def _export(clickhouse: ClickHouse, name: str, last: str, folder: Path) -> int:
    form, reader = FORMATS[name], Reader(clickhouse, "training")
    asked = Asked(format=name, selection={}, purpose="training", splits="90/5/5", seed=0, keep_participants=False)
    selection = Selection(where=f"trace_id <= '{last}'")
    with closing(Export(folder, asked, form, Splits((90, 5, 5), 0))) as work:
        units = work.begin(lambda: reader.plan(selection, form.units))
        while work.advance(reader):
            pass
        work.sweep(reader)
        work.finish("cc-by-4.0")
    left_out = sum(work.counts.get("left out", {}).values())
    if left_out:
        print(f"{name}: {left_out} of {units} left out: {work.counts['left out']}", file=sys.stderr)
    return units


def measured(environment: dict[str, str], name: str, traces: int) -> dict[str, Any]:
    """The same in a process of its own, and the bytes that it wrote."""
    with tempfile.TemporaryDirectory() as folder:
        command = [
            sys.executable,
            "-m",
            "benchmarks.exports",
            "--one",
            name,
            "--last",
            _id(traces - 1),
            "--out",
            folder,
        ]
        done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True)
        found: dict[str, Any] = json.loads(done.stdout)
        files = [path for path in Path(folder).glob("[!.]*/**/*") if path.is_file()]
        return found | {"written": sum(path.stat().st_size for path in files)}


def table(counts: list[int], names: list[str], environment: dict[str, str], sizes: dict[int, int]) -> Iterator[str]:
    """The lines of the table, as they are measured."""
    yield "| what | traces | units | units/s | MB/s of events | CPU ms a unit | written MB | peak MiB |"
    yield "|---|---|---|---|---|---|---|---|"
    for name in [SELECT, *names]:
        for traces in counts:
            found = measured(environment, name, traces)
            rate, speed = found["units"] / found["seconds"], sizes[traces] / found["seconds"] / 1e6
            yield (
                f"| {name} | {traces:,} | {found['units']:,} | {rate:,.0f} | {speed:.1f}"
                f" | {1000 * found['cpu_s'] / found['units']:.2f}"
                f" | {found['written'] / 1e6:.0f} | {found['peak_mib']:.0f} |"
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--traces", default="1000,20000", help="how many, ascending, with commas")
    parser.add_argument("--formats", default=",".join(FORMATS))
    parser.add_argument("--one", help=argparse.SUPPRESS)
    parser.add_argument("--last", help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    counts = sorted(int(text) for text in args.traces.split(","))
    if args.one:
        print(json.dumps(one(args.one, args.last, args.out)))
        return
    os.environ["CLICKHOUSE_ANALYST_PASSWORD"] = "analyst-of-the-benchmark"
    with tempfile.TemporaryDirectory() as folder, engine(Path(folder)) as url:
        environment = {**os.environ, "CLICKHOUSE_URL": url}
        settings = ClickHouseSettings(clickhouse_url=url)
        migrate(settings)
        clickhouse = ClickHouse(settings)
        fill(clickhouse, counts[-1])
        sizes = {traces: _size(clickhouse, traces) for traces in counts}
        for line in table(counts, args.formats.split(","), environment, sizes):
            print(line, flush=True)


if __name__ == "__main__":
    main()
