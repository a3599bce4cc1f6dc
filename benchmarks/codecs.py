"""`python -m benchmarks.codecs [--events 1000000]`: what each column of `events` takes under some codecs, in one run.

An engine of its own, filled by `benchmarks.queries_fill` with events made of real sessions. For each mode the table is
made again with that codec on every column (those for numbers on numbers, ZSTD(1) on the rest), filled by INSERT SELECT
and merged to one part. Prints bytes of each column and, of each mode, all bytes, seconds to insert and to read.
"""

import argparse
import re
import statistics
import tempfile
import time
from contextlib import nullcontext
from pathlib import Path

from benchmarks.queries import served
from benchmarks.queries_fill import fill
from pipeline.clickhouse import ClickHouse
from pipeline.settings import ClickHouseSettings
from pipeline.telemetry import logs_beside_results

EVENTS, TIMES, TABLE = 1_000_000, 3, "events"
MODES = {
    "LZ4": ("LZ4", "LZ4"),
    "ZSTD(1)": ("ZSTD(1)", "ZSTD(1)"),
    "ZSTD(3)": ("ZSTD(3)", "ZSTD(3)"),
    "ZSTD(6)": ("ZSTD(6)", "ZSTD(6)"),
    "Delta, LZ4": ("Delta, LZ4", "LZ4"),
    "Delta, ZSTD": ("Delta, ZSTD(1)", "ZSTD(1)"),
    "DoubleDelta, ZSTD": ("DoubleDelta, ZSTD(1)", "ZSTD(1)"),
    "T64, ZSTD": ("T64, ZSTD(1)", "ZSTD(1)"),
}
"""Name -> codec of numbers, codec of all else."""
AS_IT_IS = "as it is"
NUMBER = re.compile(r"U?Int\d+|DateTime(64)?(\(.*\))?")
COLUMNS = f"""
SELECT name, type FROM system.columns WHERE database = currentDatabase() AND table = '{TABLE}'
    AND default_kind != 'MATERIALIZED' ORDER BY position"""
SIZES = """
SELECT column, sum(column_data_compressed_bytes) AS bytes, sum(column_data_uncompressed_bytes) AS raw
FROM system.parts_columns WHERE active AND database = currentDatabase() AND table = {table:String} GROUP BY column"""
Column = tuple[str, str]


def measured(
    clickhouse: ClickHouse, mode: str, columns: list[Column]
) -> tuple[dict[str, tuple[int, int]], float, float]:
    """(compressed, raw) bytes by column, seconds to insert and to read all of it, of the table in this mode."""
    table, named = f"codec_{[AS_IT_IS, *MODES].index(mode)}", ", ".join(name for name, _ in columns)
    clickhouse.command(f"DROP TABLE IF EXISTS {table} SYNC")
    clickhouse.command(f"CREATE TABLE {table} AS {TABLE}")
    clickhouse.command(f"ALTER TABLE {table} DROP COLUMN IF EXISTS changed_lines")  # costs the same in every mode
    for name, kind in columns if mode in MODES else ():
        codec = MODES[mode][not NUMBER.fullmatch(kind)]
        clickhouse.command(f"ALTER TABLE {table} MODIFY COLUMN `{name}` CODEC({codec})")
    began = time.monotonic()
    clickhouse.command(f"INSERT INTO {table} ({named}) SELECT {named} FROM {TABLE}")
    inserted = time.monotonic() - began
    clickhouse.command(f"OPTIMIZE TABLE {table} FINAL")
    sizes = {row["column"]: (row["bytes"], row["raw"]) for row in clickhouse.rows(SIZES, {"table": table})}
    read = statistics.median(_read(clickhouse, table, named) for _ in range(TIMES))
    clickhouse.command(f"DROP TABLE {table} SYNC")
    return sizes, inserted, read


def _read(clickhouse: ClickHouse, table: str, named: str) -> float:
    began = time.monotonic()
    clickhouse.command(f"SELECT sum(cityHash64({named})) FROM {table}")
    return time.monotonic() - began


def run(settings: ClickHouseSettings, events: int) -> None:
    """Fill, measure, print."""
    traces, templates = fill(settings, events)
    clickhouse = ClickHouse(settings)
    columns: list[Column] = [(row["name"], row["type"]) for row in clickhouse.rows(COLUMNS)]
    rows = clickhouse.rows(f"SELECT count() AS n FROM {TABLE}")[0]["n"]
    print(f"{rows} events of {traces} traces made of {templates} templates\n")
    found = {mode: measured(clickhouse, mode, columns) for mode in (AS_IT_IS, *MODES)}
    clickhouse.close()
    print("| column | type | raw | " + " | ".join(found) + " |")
    print("|---|---|---|" + "---|" * len(found))
    for name, kind in columns:
        raw, sizes = found[AS_IT_IS][0][name][1], [sizes[name][0] for sizes, _, _ in found.values()]
        print(f"| `{name}` | {kind} | {raw:,} | " + " | ".join(f"{size:,}" for size in sizes) + " |")
    for title, shown in (
        ("all bytes", [f"{sum(size for size, _ in sizes.values()):,}" for sizes, _, _ in found.values()]),
        ("insert, s", [f"{inserted:.1f}" for _, inserted, _ in found.values()]),
        ("read all, s", [f"{read:.2f}" for _, _, read in found.values()]),
    ):
        print(f"| {title} | | | " + " | ".join(shown) + " |")


def main() -> None:
    """Entry point of the command."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.codecs", description=__doc__)
    parser.add_argument("--events", type=int, default=EVENTS)
    parser.add_argument("--folder", type=Path, help="keep the tables here")
    given = parser.parse_args()
    logs_beside_results()
    folder = nullcontext(given.folder) if given.folder else tempfile.TemporaryDirectory()
    with folder as there, served(Path(there)) as (settings, _):
        run(settings, given.events)


if __name__ == "__main__":
    main()
