"""The example stories both ways, and what is right to say where the change cannot be told from its tests."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import replace
from functools import reduce
from pathlib import Path
from typing import Any

import pytest

from examples.stories import STORIES
from examples.stories.telling import Story, after
from examples.workspaces import start_files
from sandbox.checkout import BUNDLE, MIRROR
from sandbox.job import Job
from sandbox.patching import patches_of
from sandbox.validation import validate
from sandbox.workspace import pack_objects
from tests.evidence.trials import LIMITS, said, sandbox
from tests.support.sandbox import edits, make_repository

pytestmark = [pytest.mark.integration, pytest.mark.slow]
Files = Mapping[str, str]
TOLD = {"simple": "fixed/verified", "complex": "fixed/verified", "failed": "not_fixed"}
FIXING = [name for name, verdict in TOLD.items() if verdict.startswith("fixed")]
HANGING = "import time\n\nwhile True:\n    time.sleep(1)\n"
UNINSTALLED = "import a_package_that_is_not_installed\n"


def _end(story: Story) -> Files:
    steps = [step for chunk in story.chunks for step in chunk]
    return reduce(after, steps, start_files(story.name))


async def _verdict(docker_host: str, workspace: Mapping[str, bytes], commit: str, events: list[dict[str, Any]]) -> str:
    job = Job(workspace=workspace, commit=commit, patches=patches_of(events))
    limits = replace(LIMITS, run_timeout_s=20)
    with sandbox(docker_host) as environments:
        outcome, _ = await validate(environments, job, limits, lambda: secrets.token_hex(16))
    return said(outcome)


async def _change(docker_host: str, folder: Path, start: Files, end: Files) -> str:
    repository = make_repository(folder / "repository", start)
    workspace = {MIRROR: pack_objects(repository.objects, LIMITS.workspace_bytes)}
    changed = {path: content for path, content in end.items() if start.get(path) != content}
    return await _verdict(docker_host, workspace, repository.commit, edits(start, changed))


@pytest.mark.parametrize("name", STORIES)
async def test_a_story_is_fixed_by_its_change_and_not_before(docker_host: str, name: str) -> None:
    session = STORIES[name].session(1_767_603_600.0)
    assert session.workspace is not None
    assert session.trace.start_commit is not None
    workspace, commit = {BUNDLE: session.workspace}, session.trace.start_commit
    assert await _verdict(docker_host, workspace, commit, []) == "not_fixed"
    assert await _verdict(docker_host, workspace, commit, [dict(event) for event in session.events]) == TOLD[name]


@pytest.mark.parametrize("name", FIXING)
async def test_a_story_told_backwards_breaks_what_it_fixed(docker_host: str, tmp_path: Path, name: str) -> None:
    assert await _change(docker_host, tmp_path, _end(STORIES[name]), start_files(name)) == "regressed"


async def test_a_fix_that_hangs_ends_at_its_deadline(docker_host: str, tmp_path: Path) -> None:
    end = _end(STORIES["simple"])
    hanging = {**end, "shop/cart.py": HANGING + end["shop/cart.py"]}
    assert await _change(docker_host, tmp_path, start_files("simple"), hanging) == "timeout"


async def test_where_a_dependency_is_missing_nothing_is_said(docker_host: str, tmp_path: Path) -> None:
    start, end = (
        {**files, "shop/__init__.py": UNINSTALLED} for files in (start_files("simple"), _end(STORIES["simple"]))
    )
    assert await _change(docker_host, tmp_path, start, end) == "unverifiable/missing_dependency"


async def test_a_fix_whose_tests_never_failed_is_not_verified(docker_host: str, tmp_path: Path) -> None:
    start, end = (_less_tested(files) for files in (start_files("simple"), _end(STORIES["simple"])))
    assert await _change(docker_host, tmp_path, start, end) == "unverifiable/no_failing_test"


def _less_tested(files: Files) -> Files:
    """Without the tests of the story that fail at its start."""
    passing, _, _ = files["tests/test_cart.py"].partition("\n\n\ndef test_coupon")
    kept = {path: content for path, content in files.items() if path != "tests/test_discounts.py"}
    return {**kept, "tests/test_cart.py": f"{passing}\n"}
