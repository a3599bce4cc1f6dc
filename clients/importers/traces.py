"""What a trace says of a session, within the limits of `POST /v1/traces`; and times as recorders write them."""

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from clients.importers.formats import acceptable
from schemas.api import CreateTrace

MAX_DESCRIPTION_CHARS = 65_536
MAX_TITLE_CHARS = 1024
MAX_LABEL_CHARS = 1024
MICROSECONDS = 1_000_000
LATEST_S = 4_000_000_000
_LABEL = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,63}")
_COMMIT = re.compile(r"[0-9a-f]{7,64}")
_INSTANCE = re.compile(r"(?P<owner>[A-Za-z0-9-]+)__(?P<repo>(?:(?!__)[\w.-])+)-\d+")
_TITLE = re.compile(r"(?:<\w+>\s*)*(?:Consider the following (?:PR|issue) description:\s*(?:<\w+>\s*)?)?(\S[^\n]*)")


def trace_of(
    *,
    agent: str,
    model: str | None,
    task_id: str,
    title: str = "",
    description: str = "",
    origin: str = "",
    start_commit: Any = None,
    environment: Mapping[str, Any],
) -> CreateTrace:
    """The create body; what is empty is left out or named by the task, what is too long is cut."""
    commit = str(start_commit or "").lower()
    named = acceptable(task_id).strip() or "unnamed"
    labels = {"agent": agent, "model": model, **environment}
    return CreateTrace(
        participant_id=acceptable(f"{agent}:{model or 'unknown'}")[:256],
        consent="research",
        task_id=named[:256],
        task_title=(acceptable(title).strip() or named)[:MAX_TITLE_CHARS],
        task_description=acceptable(description)[:MAX_DESCRIPTION_CHARS] or None,
        repo_origin=(acceptable(origin).strip() or origin_of(named) or "unknown")[:1024],
        start_commit=commit if _COMMIT.fullmatch(commit) else None,
        environment={
            name: acceptable(str(value))[:MAX_LABEL_CHARS]
            for name, value in labels.items()
            if value not in (None, "") and _LABEL.fullmatch(name)
        },
    )


def title_of(text: str) -> str:
    """The first line of a task that says something."""
    found = _TITLE.match(text.lstrip())
    return found[1].strip()[:MAX_TITLE_CHARS] if found else ""


def origin_of(instance: str) -> str:
    """Where the repository of a SWE-bench instance `owner__repo-number` is; empty for any other name."""
    found = _INSTANCE.fullmatch(instance)
    return f"https://github.com/{found['owner']}/{found['repo']}" if found else ""


def seconds_us(value: Any) -> int | None:
    """Seconds since 1970 as microseconds; None for what is no such time."""
    fits = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return round(value * MICROSECONDS) if fits and 0 <= value <= LATEST_S else None


def written_us(value: Any) -> tuple[int | None, bool]:
    """An ISO 8601 time as microseconds, and whether it says its zone; one without is taken as UTC."""
    if not isinstance(value, str) or len(value) > LONGEST_TIME:
        return None, True
    try:
        time = datetime.fromisoformat(value)
    except ValueError:
        return None, True
    aware = time if time.tzinfo else time.replace(tzinfo=UTC)
    since = aware - datetime(1970, 1, 1, tzinfo=UTC)
    us = since.days * 86_400 * MICROSECONDS + since.seconds * MICROSECONDS + since.microseconds
    return (us if 0 <= us <= LATEST_S * MICROSECONDS else None), time.tzinfo is not None


LONGEST_TIME = 64
