"""`audit`: whether every record that was consumed is accounted for, and what is not."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated

import typer
from aiokafka.errors import KafkaError
from rich.table import Table

from pipeline.auditor import Fault, Report, audit
from pipeline.cli.terminal import Json, fail, out
from pipeline.clickhouse import ClickHouse, QueryFailed
from pipeline.conservation import Balance, Disposition
from pipeline.errors import Explained, Invalid, Retryable
from pipeline.kafka import must_answer
from pipeline.replay import Hole, Log
from pipeline.s3store import open_store
from pipeline.settings import ClickHouseSettings, KafkaSettings, ObjectStoreSettings, load
from schemas.topics import TRACE_LOG

NAMED = 50


def audit_log(
    archived: Annotated[bool, typer.Option("--archived", help="Begin with what only the archive holds.")] = False,
    json: Json = False,
) -> None:
    """Check that each consumed offset of trace-log has exactly one disposition, and each revision its rows.

    Exit status 1 when something is lost; each is named by topic, partition, offset and trace.
    """
    try:
        report = asyncio.run(_audit(archived))
    except Hole as hole:
        raise fail(f"VIOLATED: {hole}") from None
    except (Invalid, Retryable, QueryFailed, Explained, KafkaError, OSError) as error:
        raise fail(f"the audit cannot be made: {' '.join(str(error).split())}") from None
    if json:
        out.print_json(data=_plain(report))
    else:
        _show(report)
    if report.faults:
        raise typer.Exit(1)


async def _audit(archived: bool) -> Report:
    settings, kafka = load(ClickHouseSettings), load(KafkaSettings)
    await must_answer(kafka)
    log, clickhouse = Log(open_store(load(ObjectStoreSettings)), kafka), ClickHouse(settings)
    firsts = {place: first for place, (first, _) in (await log.places(TRACE_LOG.name)).items()} if archived else None
    try:
        return await audit(log, clickhouse, settings.retention_days, firsts)
    finally:
        clickhouse.close()


def _lines(balances: Sequence[Balance]) -> dict[tuple[str, int], Counter[Disposition]]:
    """(project, partition) -> how many records by disposition."""
    lines: dict[tuple[str, int], Counter[Disposition]] = {}
    for balance in balances:
        for (project, partition, disposition), count in balance.counts.items():
            lines.setdefault((project, partition), Counter())[disposition] += count
    return dict(sorted(lines.items()))


def _plain(report: Report) -> dict[str, object]:
    lines = [
        {"project": project, "partition": partition, **{str(name): counts[name] for name in Disposition}}
        for (project, partition), counts in _lines(report.balances).items()
    ]
    consumed = sum(balance.consumed for balance in report.balances)
    faults = [asdict(fault) for fault in report.faults]
    return {"holds": not faults, "consumed": consumed, "dispositions": lines, "faults": faults}


def _show(report: Report) -> None:
    table = Table("project", "partition", *Disposition, box=None)
    for (project, partition), counts in _lines(report.balances).items():
        table.add_row(project or "?", str(partition), *(str(counts[name]) for name in Disposition))
    out.print(table)
    consumed = sum(balance.consumed for balance in report.balances)
    if not report.faults:
        out.print(f"the law holds: {consumed} records consumed, each with one disposition", style="green")
        return
    out.print(f"VIOLATED: {len(report.faults)} faults among {consumed} records consumed", style="red")
    for fault in report.faults[:NAMED]:
        out.print(_told(fault), markup=False, highlight=False, soft_wrap=True)
    if len(report.faults) > NAMED:
        out.print(f"and {len(report.faults) - NAMED} more: see --json")


def _told(fault: Fault) -> str:
    return f"{fault.topic} {fault.partition}@{fault.offset} {fault.trace_id or 'no trace'}: {fault.what}"
