"""`sql`: analysts' read-only queries. `policy`: what a project's traces may be used for."""

import asyncio
import re
import sys
from typing import Annotated

import typer
from aiokafka.errors import KafkaError

from pipeline.cli.terminal import fail
from pipeline.clickhouse import ClickHouse, QueryFailed
from pipeline.clock import now_us
from pipeline.errors import Retryable
from pipeline.kafka import make_producer
from pipeline.policies import POLICY_CONSENTS, policy_key
from pipeline.settings import ClickHouseSettings, KafkaSettings, load
from schemas.codec import encode
from schemas.records import ProjectPolicy
from schemas.topics import CONTROL

NAMES_A_FORMAT = re.compile(r"\bFORMAT\s+\w+$", re.IGNORECASE)
PEOPLE, SCRIPTS = "PrettyCompactMonoBlock", "JSONEachRow"


def sql(
    query: Annotated[str, typer.Argument(help="One read-only statement; the views are described in docs/schema.md.")],
    fmt: Annotated[str, typer.Option("--format", help="Any of ClickHouse's output formats.")] = PEOPLE,
    json: Annotated[bool, typer.Option("--json", help=f"The same as --format {SCRIPTS}.")] = False,
) -> None:
    """Run a query as the read-only analyst. Exit status 1 when ClickHouse refuses it or is away."""
    connection = ClickHouse(load(ClickHouseSettings), analyst=True)
    try:
        statement = query.rstrip().rstrip(";")
        chosen = None if NAMES_A_FORMAT.search(statement) else SCRIPTS if json else fmt
        sys.stdout.write(connection.raw(statement, chosen).decode(errors="replace"))
    except (QueryFailed, Retryable) as error:
        raise fail(" ".join(str(error).split())) from None
    finally:
        connection.close()


async def _record(kafka: KafkaSettings, policy: ProjectPolicy) -> None:
    producer = make_producer(kafka)
    try:
        await producer.start()
        await producer.send_and_wait(CONTROL.name, encode(policy), key=policy_key(policy.project))
    finally:
        await producer.stop()


def policy(
    project: str,
    consent: Annotated[str, typer.Argument(help=f"One of: {', '.join(POLICY_CONSENTS)}.")],
    by: Annotated[str, typer.Option(help="Who decided it.")] = "operator",
) -> None:
    """Set what a project's traces may be used for.

    It holds for traces whose client does not say, from now on.
    """
    if consent not in POLICY_CONSENTS:
        raise typer.BadParameter(f"no consent {consent}; there are: {', '.join(POLICY_CONSENTS)}")
    record = ProjectPolicy(project=project, consent=consent, recorded_by=by, recorded_at_us=now_us())
    kafka = load(KafkaSettings)
    try:
        asyncio.run(_record(kafka, record))
    except KafkaError as error:
        raise fail(f"not recorded: the broker at {kafka.kafka_bootstrap} did not take it: {error!r}") from None
