"""`python -m benchmarks.queries [--events 10000000]`: how long each recipe of the cookbook takes over so many events.

An engine of its own, with tables filled by `benchmarks.queries_fill`; every recipe is asked by the read-only analyst,
with the parameters that its page shows, three times. Prints the median seconds, what was read, and what EXPLAIN says of
the parts and granules that the index selected; then the recipes above GOAL_S. `--folder` keeps the tables between runs.
"""

import argparse
import os
import re
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import clickhouse_connect
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import DatabaseError

from benchmarks.peers.servers import Server
from benchmarks.queries_fill import FOREVER_DAYS, fill
from deploy.embedded.ports import free_port
from pipeline.clickhouse import ClickHouse
from pipeline.settings import ClickHouseSettings
from pipeline.telemetry import logs_beside_results
from tests.support.cookbook import Recipe, recipes
from tests.support.ports import accepts_connections
from tests.support.processes import running
from tests.support.stack import ANALYST_PASSWORD, clickhouse_command

GOAL_S, TIMES = 1.0, 3
DATABASE, EVENTS = "telemetry", 10_000_000
SETTLE_S = 300.0
READ = re.compile(r"ReadFromMergeTree \(\w+\.(\w+)\)")
SELECTED = re.compile(r"(Parts|Granules): (\d+)/(\d+)")
MERGING = "SELECT count() AS n FROM system.merges WHERE database = 'telemetry'"
SIZES = """
SELECT table, sum(rows) AS rows, count() AS parts, sum(bytes_on_disk) AS bytes
FROM system.parts WHERE active AND database = 'telemetry' GROUP BY table ORDER BY rows DESC"""


@dataclass(frozen=True)
class Asked:
    """What a recipe took, `cpu_s` by the engine. `selected`: parts and granules of all its reads, `selected/of all`."""

    name: str
    seconds: float
    cpu_s: float
    answer_rows: int
    read_rows: int
    read_bytes: int
    selected: str


@contextmanager
def served(folder: Path) -> Iterator[tuple[ClickHouseSettings, Server]]:
    """The engine over the tables in this folder."""
    port = free_port()
    environment = {"CLICKHOUSE_PASSWORD": "", "CLICKHOUSE_ANALYST_PASSWORD": ANALYST_PASSWORD}
    command = clickhouse_command(port, folder / "data")
    with running(command, folder / "engine.log", lambda: accepts_connections(port), environment, SETTLE_S) as process:
        settings = ClickHouseSettings(
            clickhouse_url=f"http://127.0.0.1:{port}",
            clickhouse_database=DATABASE,
            clickhouse_analyst_password=ANALYST_PASSWORD,
            retention_days=FOREVER_DAYS,
        )
        yield settings, Server(port, (process.pid,))


def settled(clickhouse: ClickHouse) -> None:
    """Returns when no merge is under way any more."""
    deadline = time.monotonic() + SETTLE_S
    while clickhouse.rows(MERGING)[0]["n"] and time.monotonic() < deadline:
        time.sleep(1)


def analyst(settings: ClickHouseSettings) -> Client:
    """The driver itself: only it tells what a query read."""
    url = urlsplit(settings.clickhouse_url)
    return clickhouse_connect.get_client(
        host=url.hostname,
        port=url.port,
        database=DATABASE,
        username=settings.clickhouse_analyst_user,
        password=settings.clickhouse_analyst_password,
        autogenerate_session_id=False,
        send_receive_timeout=300,
    )


def asked(client: Client, owner: ClickHouse, served: Server, recipe: Recipe, times: int) -> Asked:
    """Ask it so many times."""
    took, cpu = [], []
    for _ in range(times):
        began, used_s = time.monotonic(), served.cpu_s()
        answer = client.query(recipe.statement, parameters=recipe.parameters)
        took.append(time.monotonic() - began)
        cpu.append(served.cpu_s() - used_s)
    summary = answer.summary
    return Asked(
        recipe.path.stem,
        statistics.median(took),
        statistics.median(cpu),
        len(answer.result_rows),
        int(summary.get("read_rows", 0)),
        int(summary.get("read_bytes", 0)),
        _selected(owner, recipe),
    )


def _selected(owner: ClickHouse, recipe: Recipe) -> str:
    """`table parts/of all granules/of all` of each read, in the order of the plan."""
    lines = owner.rows(f"EXPLAIN indexes = 1 {recipe.statement}", dict(recipe.parameters))
    found: dict[str, dict[str, str]] = {}
    reads: list[tuple[str, dict[str, str]]] = []
    for line in (row["explain"] for row in lines):
        if read := READ.search(line):
            reads.append((read[1], {}))
        if reads and (last := SELECTED.search(line)):
            reads[-1][1][last[1]] = f"{last[2]}/{last[3]}"  # the last index of a read has the last word
    for table, parts in reads:
        found.setdefault(f"{table} {parts.get('Parts', '-')} {parts.get('Granules', '-')}", parts)
    return ", ".join(found)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=EVENTS)
    parser.add_argument("--folder", type=Path, help="keep the tables here (about 1.5 GB), and find them there again")
    parser.add_argument("--times", type=int, default=TIMES)
    parser.add_argument("--recipe", action="append", default=[], metavar="NN", help="only these; all of them")
    args = parser.parse_args()
    logs_beside_results()
    chosen = [one for one in recipes() if not args.recipe or one.path.stem[:2] in args.recipe]
    place = nullcontext(str(args.folder)) if args.folder else tempfile.TemporaryDirectory(prefix="prt-queries-")
    with place as name:
        folder = Path(name)
        folder.mkdir(parents=True, exist_ok=True)
        filled = (folder / "data").exists()
        with served(folder) as (settings, server):
            began = time.monotonic()
            if not filled:
                traces, templates = fill(settings, args.events)
                print(f"{traces:,} traces of {templates} templates, made in {time.monotonic() - began:.0f} s")
            measure(settings, server, chosen, args.times)


def measure(settings: ClickHouseSettings, server: Server, chosen: list[Recipe], times: int) -> None:
    """Ask them all and print what was found."""
    owner, client = ClickHouse(settings), analyst(settings)
    settled(owner)
    for table in owner.rows(SIZES):
        print(
            f"{table['table']:<16}{table['rows']:>12,} rows {table['parts']:>4} parts {table['bytes'] / 1e6:>9,.1f} MB"
        )
    print(f"\n{'recipe':<28}{'s':>6}{'cpu s':>7}{'answer':>8}{'rows read':>12}{'MB':>7}  parts and granules selected")
    found = []
    for recipe in chosen:
        try:
            one = asked(client, owner, server, recipe, times)
        except DatabaseError as error:
            print(f"{recipe.path.stem:<28}refused: {str(error)[:200]}", flush=True)
            continue
        found.append(one)
        read = f"{one.read_rows:>12,}{one.read_bytes / 1e6:>7,.0f}"
        print(
            f"{one.name:<28}{one.seconds:>6.2f}{one.cpu_s:>7.2f}{one.answer_rows:>8,}{read}  {one.selected}", flush=True
        )
    slow = [f"{one.name} {one.seconds:.2f}" for one in found if one.seconds > GOAL_S]
    print(f"\nabove {GOAL_S} s: {', '.join(slow) or 'none'}; load {os.getloadavg()[0]:.1f}")
    owner.close()
    client.close()


if __name__ == "__main__":
    main()
