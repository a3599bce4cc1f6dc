"""Rubrics as the judge knows them: its module answers, in a process of its own, as the kernel imports no service."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from pipeline.cli.terminal import WRONG_USAGE, fail
from pipeline.labels import Rubric, rubric_of

MODULE = "judge.rubrics_command"
DEFAULT = "rubric-1.0"
RubricName = Annotated[str, typer.Option("--rubric", help="Name, id@version or id of a rubric, or its file.")]


def ask(folder: Path | None, *words: str) -> tuple[Any, int]:
    """The judge's answer and exit status to list, show, check or diff. Raises typer.Exit where it has none."""
    command = [sys.executable, "-m", MODULE, *(["--dir", str(folder)] if folder else []), *words]
    done = subprocess.run(command, capture_output=True, check=False)
    if not done.stdout:
        raise fail(done.stderr.decode(errors="replace").strip(), WRONG_USAGE)
    return json.loads(done.stdout), done.returncode


def read_rubric(name: str) -> Rubric:
    """What a label needs of the rubric, with its digest. Raises typer.Exit where there is none, or no usable one."""
    document, _ = ask(None, "show", name)
    return rubric_of(document["rubric"], document["digest"])
