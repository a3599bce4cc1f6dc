"""`erase`: traces, or all of a participant, out of every view, store and export; and a look at what is left."""

import asyncio
import time
from collections.abc import Collection
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from aiokafka.errors import KafkaError
from rich.table import Table

from clients.problems import ApiProblem, ConnectionLost
from pipeline.cli.sessions import client
from pipeline.cli.terminal import WRONG_USAGE, Json, err, fail, out
from pipeline.clickhouse import ClickHouse, QueryFailed
from pipeline.errors import Explained, Invalid, Retryable
from pipeline.remains import Held, Left, in_archive, in_store, in_tables, in_topics
from pipeline.s3store import open_store
from pipeline.settings import ClickHouseSettings, KafkaSettings, ObjectStoreSettings, load

LOOK_S = 0.5


@dataclass(frozen=True, slots=True)
class Proof:
    """What a look found. `left` is empty but for what is kept on purpose, or the erasure is not done."""

    left: list[Left]
    kafka: list[Held]

    @property
    def done(self) -> bool:
        """Whether nothing is left but what is kept on purpose."""
        return all(left.kept for left in self.left)


def erase(
    trace_ids: Annotated[list[str] | None, typer.Argument(help="Traces.")] = None,
    participant: Annotated[str, typer.Option(help="All traces of this participant that have begun by now.")] = "",
    project: Annotated[str, typer.Option(help="The participant's project.")] = "",
    reason: Annotated[str, typer.Option(help="Why, for the audit trail.")] = "",
    prove: Annotated[bool, typer.Option("--prove", help="Look for what is left, until nothing is.")] = False,
    wait: Annotated[float, typer.Option(help="Seconds until --prove gives up.")] = 60,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask first.")] = False,
    json: Json = False,
) -> None:
    """Erase traces, or all of a participant, for good.

    Exit status 1 when one could not be erased, or when --prove still finds something.
    """
    if bool(trace_ids) == bool(participant):
        raise fail("name traces, or a --participant", WRONG_USAGE)
    if not yes:
        _must_be_there()
        typer.confirm("This cannot be taken back. Erase?", abort=True, err=True)
    erased = _erase(trace_ids or [], participant, project, reason)
    proof = _proof(erased, wait) if prove and erased else None
    _show(erased, proof, json)
    if proof is not None and not proof.done:
        raise typer.Exit(1)


def _must_be_there() -> None:
    try:
        with client() as connection:
            connection.reach()
    except ConnectionLost as error:
        raise fail(str(error)) from None


def _erase(trace_ids: list[str], participant: str, project: str, reason: str) -> list[str]:
    try:
        with client() as connection:
            if participant:
                return connection.erase_participant(participant, project, reason).trace_ids
            return [one for trace_id in trace_ids for one in connection.erase(trace_id, reason).trace_ids]
    except (ApiProblem, ConnectionLost) as error:
        raise fail(str(error)) from None


def _proof(trace_ids: Collection[str], wait: float) -> Proof:
    deadline = time.monotonic() + wait
    try:
        while True:
            left = _left(trace_ids)
            if all(found.kept for found in left) or time.monotonic() >= deadline:
                return Proof(left, asyncio.run(in_topics(load(KafkaSettings), trace_ids)))
            time.sleep(LOOK_S)
    except (Retryable, QueryFailed, Invalid, Explained, KafkaError, OSError) as error:
        raise fail(f"erased, but it cannot be proven now: {' '.join(str(error).split())}") from None


def _left(trace_ids: Collection[str]) -> list[Left]:
    clickhouse = ClickHouse(load(ClickHouseSettings))
    try:
        tables = in_tables(clickhouse, trace_ids)
    finally:
        clickhouse.close()
    return [*tables, *asyncio.run(_objects(trace_ids))]


async def _objects(trace_ids: Collection[str]) -> list[Left]:
    store = open_store(load(ObjectStoreSettings))
    return [*await in_store(store, trace_ids), *await in_archive(store, trace_ids)]


def _show(erased: list[str], proof: Proof | None, json: bool) -> None:
    if json:
        found: dict[str, Any] = asdict(proof) | {"proven": proof.done} if proof else {}
        out.print_json(data={"trace_ids": erased, **found})
        return
    for trace_id in erased:
        out.print(trace_id, highlight=False)
    if not erased:
        err.print("there is nothing to erase")
    if proof is not None:
        out.print(_table(proof))


def _table(proof: Proof) -> Table:
    title = "nothing is left" if proof.done else "NOT ERASED: something is left"
    table = Table("where", "found", "what it means", title=title, title_justify="left", box=None)
    for left in proof.left:
        meaning = "kept: that it was erased, and its heads" if left.kept else "[red]still there[/red]"
        table.add_row(left.place, str(left.count), meaning)
    for held in proof.kafka:
        table.add_row(f"kafka {held.topic}", str(held.count), _until(held))
    return table


def _until(held: Held) -> str:
    if held.until_ms is None:
        return "kept: it names the trace, and has nothing of it"
    return f"the broker drops it by {datetime.fromtimestamp(held.until_ms / 1000, UTC):%Y-%m-%d}"
