"""Times as options of commands: ISO 8601, in UTC where they name no zone."""

from datetime import UTC, datetime
from typing import Any

import typer

FORMS = "2026-01-31, 2026-01-31T12:30 or 2026-01-31T12:30:00+01:00; UTC where no zone is named"


def at_ms(text: str) -> int:
    """Milliseconds since the epoch. Raises BadParameter, which says what is expected."""
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is no time: give one as {FORMS}") from None
    return int(time.replace(tzinfo=time.tzinfo or UTC).timestamp() * 1000)


def time_option(*names: str, means: str) -> Any:
    """An option that takes a time; its parameter is an int, milliseconds."""
    return typer.Option(*names, parser=at_ms, metavar="TIME", help=f"{means} TIME: {FORMS}.")
