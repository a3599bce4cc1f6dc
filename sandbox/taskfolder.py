"""The operator's folder of tasks: a file `<task_id>.json` each, in the form that `tasks` reads.

Nothing of a trace is used but its task id, and that only as a plain file name.
"""

from __future__ import annotations

import re
from pathlib import Path

from sandbox.failures import NoVerdict, unverifiable
from sandbox.job import Task
from sandbox.tasks import BadTask, task_of

_PLAIN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}")


def find_task(folder: Path | None, task_id: str) -> Task:
    """The task's file; an empty Task where there is none. Raises NoVerdict where there is one that cannot be read."""
    if folder is None or not _PLAIN_NAME.fullmatch(task_id):
        return Task()
    try:
        return task_of((folder / f"{task_id}.json").read_bytes())
    except FileNotFoundError:
        return Task()
    except (OSError, BadTask) as error:
        raise NoVerdict(unverifiable("bad_task", f"{task_id}: {error}")) from error
