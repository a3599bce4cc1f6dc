"""What comparing two runs costs: `python -m benchmarks.comparison [--traces 100000]`, on an engine of its own.

Each run has a judgement for every trace, with grades of six criteria and rationales; the second differs in a third.
"""

import argparse
import os
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from deploy.embedded.ports import free_port
from pipeline.clickhouse import ClickHouse
from pipeline.comparison_rows import Runs
from pipeline.reporting.diff import diff_page
from pipeline.settings import ClickHouseSettings
from sinks.migrate import migrate
from tests.support.ports import accepts_connections
from tests.support.processes import running
from tests.support.stack import clickhouse_command

CRITERIA = "['problem_understanding','causal_linking','experiment_design','efficiency','reproducibility','safety']"
WEIGHTS = "[200,250,200,150,100,100]"
FILL = """
INSERT INTO judgements (trace_id, revision, run_id, rubric_digest, judge_digest, project, outcome, overall_milli,
    `grades.criterion`, `grades.grade`, `grades.weight`, `grades.rationale`, `grades.cited_seqs`, rubric_id,
    rubric_version, judge, minted_at, source_offset)
WITH arrayMap(i -> toUInt8(if(cityHash64(number, i, {run:String}) % 3 = 0, cityHash64(number, i, 1) % 6,
    cityHash64(number, i) % 6)), range(6)) AS given
SELECT concat('trace-', leftPad(hex(number), 32, '0')), 1, {run:String}, 'sha256:r', {run:String}, 'default', 'scored',
    toUInt16(arraySum(arrayMap((g, w) -> g * w, given, @weights))), @criteria, given, @weights,
    arrayMap(g -> repeat('The note names the function that was read. ', 5), given), arrayMap(g -> [0, 3, 7], given),
    'bug-fix-process', '1.0', 'heuristic', now64(3), number
FROM numbers({traces:UInt32})"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--traces", type=int, default=100_000)
    traces = parser.parse_args().traces
    with TemporaryDirectory(prefix="prt-comparison-") as folder:
        port = free_port()
        command = clickhouse_command(port, Path(folder))
        account = {**os.environ, "CLICKHOUSE_PASSWORD": "", "CLICKHOUSE_ANALYST_PASSWORD": "analyst"}
        with running(command, Path(folder) / "log", lambda: accepts_connections(port), account):
            measure(ClickHouseSettings(clickhouse_url=f"http://127.0.0.1:{port}"), traces)


def measure(settings: ClickHouseSettings, traces: int) -> None:
    """Print how long the comparison of two runs over so many traces takes."""
    migrate(settings)
    clickhouse = ClickHouse(settings)
    try:
        for run in ("one", "two"):
            sql = FILL.replace("@criteria", CRITERIA).replace("@weights", WEIGHTS)
            clickhouse.command(sql, {"run": run, "traces": traces})
        begun = time.perf_counter()
        counted = Runs(clickhouse, "one", "two").compared(resamples=0)
        read = time.perf_counter()
        found = Runs(clickhouse, "one", "two").compared()
        whole = time.perf_counter()
        page = diff_page(found)
        written = time.perf_counter()
    finally:
        clickhouse.close()
    print(f"{counted.overlap.compared} pairs, {len(found.overall.scores)} different pairs of scores")
    print(f"counted without intervals  {read - begun:6.2f} s")
    print(f"with 1,000 resamples each  {whole - read:6.2f} s")
    print(f"HTML page                  {written - whole:6.2f} s, {len(page):,} characters")


if __name__ == "__main__":
    main()
