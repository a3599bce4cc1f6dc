"""Reading from ClickHouse in a command, and what it says where that goes wrong: one line, with what to do about it."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from pipeline.cli.terminal import fail
from pipeline.clickhouse import ClickHouse, QueryFailed
from pipeline.errors import Retryable
from pipeline.settings import ClickHouseSettings, load

# What the client puts around ClickHouse's own words, and the several thousand letters that its parser would have taken.
WRAPPING = re.compile(
    r"^Received ClickHouse exception, code: \d+, server response: | Expected one of: .{200,}(?= \([A-Z_]+\))|"
    r" \(for url \S+\)$"
)
# What to do about a refusal, by a piece of ClickHouse's words.
ADVICE = {
    "Code: 241.": "ask for fewer columns or a shorter time, aggregate before joining; the limit of a query is"
    " CLICKHOUSE_ANALYST_MEMORY_MB",
    "Code: 159.": "narrow it by trace_id, project or time; the limit of a query is CLICKHOUSE_ANALYST_SECONDS",
    "Limit for result exceeded": "aggregate, or add a LIMIT; the most that a result may have is"
    " CLICKHOUSE_ANALYST_ROWS",
    "Limit for temporary files": "sort or group fewer rows; what may be spilled follows CLICKHOUSE_ANALYST_MEMORY_MB",
    "Code: 202.": "wait until others of yours have ended; the most at once is CLICKHOUSE_ANALYST_QUERIES",
    "Code: 201.": "wait for the next hour; the quota is CLICKHOUSE_ANALYST_HOURLY_QUERIES and"
    " CLICKHOUSE_ANALYST_HOURLY_S",
    "Code: 497.": "analysts read the v1_* views, which SHOW TABLES lists and docs/schema.md describes",
}


@contextmanager
def reading(analyst: bool) -> Iterator[ClickHouse]:
    """The tables, for a while; what goes wrong there ends the command with one line. Raises typer.Exit."""
    clickhouse = ClickHouse(load(ClickHouseSettings), analyst=analyst)
    try:
        yield clickhouse
    except (QueryFailed, Retryable) as error:
        raise fail(said(error) if analyst else in_a_line(error)) from None
    finally:
        clickhouse.close()


def said(error: Exception) -> str:
    """What ClickHouse said, in one line, and what to do where a limit of analysts was met."""
    text = in_a_line(error)
    advice = next((what for words, what in ADVICE.items() if words in text), "")
    return f"{text}: {advice}" if advice else text


def in_a_line(error: Exception) -> str:
    """What ClickHouse said, in its own words alone."""
    return WRAPPING.sub("", " ".join(str(error).split()))
