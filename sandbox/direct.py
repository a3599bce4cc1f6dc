"""`python -m sandbox.direct`: the protocol for a patch in a local repository, without the pipeline.

Prints one JSON document: verdict, level, reason, detail, commit, runs, tests, environment. Exit status: 0 fixed,
1 another verdict, 2 wrong usage, 3 the verdict is about our machinery. Settings: SandboxSettings.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from clients.repositories import GitFailed, Repository
from pipeline.errors import Explained
from pipeline.settings import SandboxSettings, load
from pipeline.telemetry import logs_beside_results
from sandbox.checkout import BUNDLE
from sandbox.configured import containers_of, examiner_of
from sandbox.diffs import appliable, other_line_endings, strip_level
from sandbox.examiner import OUR_REASONS
from sandbox.failures import NoVerdict, Outcome, unverifiable
from sandbox.job import Job, Task
from sandbox.patching import Patch
from sandbox.suites import Evidence
from sandbox.tasks import BadTask, task_of, with_command
from schemas.codec import plain

Read = TypeVar("Read")
FIXED, OTHER, WRONG_USAGE, OURS = 0, 1, 2, 3
_DIFF_MARKS = (b"diff --git ", b"--- ", b"@@ ")


class WrongUsage(ValueError):
    """What was asked for cannot be done; the text says why."""


def patch_of(content: bytes) -> Patch:
    """A patch of a file that git, format-patch or diff wrote, letters around the diff included.

    Raises WrongUsage where there is no diff in it.
    """
    if not any(line.startswith(_DIFF_MARKS) for line in content.splitlines()):
        raise WrongUsage("there is no diff in it")
    text = appliable(content.decode(errors="surrogateescape"), None)
    diff, otherwise = (each.encode(errors="surrogateescape") for each in (text, other_line_endings(text)))
    return Patch(0, diff, strip_level(text), otherwise)


def exit_status(outcome: Outcome) -> int:
    """How the command ends for an outcome."""
    if outcome.reason in OUR_REASONS:
        return OURS
    return FIXED if outcome.verdict == "fixed" else OTHER


def report(outcome: Outcome, evidence: Evidence, commit: str) -> dict[str, Any]:
    """The document that is printed; times in seconds."""
    runs = [{**plain(run), "duration_s": run.duration_us / 1e6} for run in evidence.runs]
    return {
        "verdict": outcome.verdict,
        "level": outcome.level,
        "reason": outcome.reason,
        "detail": outcome.detail,
        "commit": commit,
        "runs": [{name: value for name, value in run.items() if name != "duration_us"} for run in runs],
        "tests": [plain(test) for test in evidence.tests],
        "environment": evidence.environment,
    }


def job_of(arguments: argparse.Namespace, limit_bytes: int) -> Job:
    """What the arguments ask for. Raises WrongUsage, and NoVerdict where the repository is too large."""
    task = _reading("task", arguments.task, task_of) if arguments.task else Task()
    try:
        task = with_command(task, arguments.tests) if arguments.tests else task
        patches = [_reading("patch", file, patch_of) for file in arguments.patch]
        repository = Repository(arguments.repo)
        commit = repository.commit(arguments.base)
        bundle = repository.bundle(commit)
    except (BadTask, GitFailed) as error:
        raise WrongUsage(str(error)) from error
    if len(bundle) > limit_bytes:
        raise NoVerdict(unverifiable("bad_workspace", f"{len(bundle)} bytes of at most {limit_bytes}"))
    numbered = tuple(replace(patch, seq=seq) for seq, patch in enumerate(patches))
    return Job(workspace={BUNDLE: bundle}, commit=commit, patches=numbered, task=task)


def _reading(what: str, file: Path, read: Callable[[bytes], Read]) -> Read:
    try:
        return read(file.read_bytes())
    except (OSError, ValueError) as error:
        raise WrongUsage(f"{what} {file}: {error}") from error


async def examine(settings: SandboxSettings, arguments: argparse.Namespace) -> tuple[Outcome, Evidence, str]:
    """The outcome, what it rests on, and the start commit. Raises WrongUsage, Explained."""
    commit = ""
    with closing(containers_of(settings)) as containers:
        examiner = examiner_of(settings, containers)
        try:
            job = await asyncio.to_thread(job_of, arguments, examiner.limits.workspace_bytes)
            commit = job.commit
            return *(await examiner.examine(job)), commit
        except NoVerdict as ended:
            return ended.outcome, Evidence(), commit


def _arguments(given: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m sandbox.direct", description=__doc__)
    parser.add_argument("--repo", type=Path, required=True, help="folder of a git repository")
    parser.add_argument("--base", required=True, help="commit that the patch begins at")
    parser.add_argument("--patch", type=Path, required=True, action="append", help="diff; several apply in order")
    parser.add_argument("--tests", default="", help="runner and what it runs, such as: pytest tests/test_a.py")
    parser.add_argument("--task", type=Path, help="JSON file with FAIL_TO_PASS, PASS_TO_PASS, test_patch, ...")
    return parser.parse_args(given)


def main(given: Sequence[str] | None = None) -> int:
    """See the module."""
    arguments = _arguments(given)
    logs_beside_results()
    try:
        outcome, evidence, commit = asyncio.run(examine(load(SandboxSettings), arguments))
    except WrongUsage as error:
        sys.stderr.write(f"{error}\n")
        return WRONG_USAGE
    except Explained as error:
        sys.stderr.write(f"{error}\n")
        return OURS
    sys.stdout.write(json.dumps(report(outcome, evidence, commit)) + "\n")
    return exit_status(outcome)


if __name__ == "__main__":
    sys.exit(main())
