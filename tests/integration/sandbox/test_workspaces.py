"""In the container as on any machine: the same trees, the same refusals, and a long session within its time."""

from __future__ import annotations

import time
from itertools import pairwise
from typing import Any

import pytest

from pipeline.canonical import digest
from sandbox.checkout import ARCHIVE, MIRROR, Prepared, prepare
from sandbox.container import ContainerEnvironment
from sandbox.failures import NoVerdict
from sandbox.job import Job
from sandbox.patching import patches_of
from sandbox.spec import Limits
from sandbox.workspace import pack_objects
from tests.support.sandbox import CALC, FIXED, START, Repository, edits, git

pytestmark = pytest.mark.integration


async def prepared(
    environment: ContainerEnvironment, repository: Repository, limits: Limits, events: list[dict[str, Any]]
) -> Prepared:
    workspace = {MIRROR: pack_objects(repository.objects, 10**8)}
    job = Job(workspace=workspace, commit=repository.commit, patches=patches_of(events))
    return await prepare(environment, job, (), limits)


async def test_a_thousand_edits_are_applied_and_compared_in_time(
    environment: ContainerEnvironment, repository: Repository, limits: Limits
) -> None:
    texts = [CALC, *(CALC.replace("a - b", f"a + {number}") for number in range(999)), FIXED]
    pairs = pairwise(texts)
    events = [
        edits({"calc.py": before}, {"calc.py": after})[0] | {"seq": seq, "buffer_hash_after": digest(after.encode())}
        for seq, (before, after) in enumerate(pairs)
    ]
    events[500]["buffer_hash_after"] = digest(b"not saved then")
    started = time.monotonic()
    made = await prepared(environment, repository, limits, events)
    assert time.monotonic() - started < limits.prepare_timeout_s / 2
    made.refuse_unlike()
    facts = made.facts()
    assert (facts["buffers_same"], facts["buffers_differing"]) == ("999", "event 500 (calc.py)")
    assert facts["tree_final"] != facts["tree_start"]


@pytest.mark.parametrize("options", [["--format=tar.gz"], ["--format=zip", "--prefix=calc-1.0/"]], ids=str)
async def test_an_uploaded_archive_is_the_tree_it_was_made_of(
    environment: ContainerEnvironment, repository: Repository, limits: Limits, options: list[str]
) -> None:
    archive = git(repository.folder, "archive", *options, "HEAD")
    job = Job(workspace={ARCHIVE: archive}, commit="", patches=patches_of(edits(START, {"calc.py": FIXED})))
    made = await prepare(environment, job, (), limits)
    assert made.base == git(repository.folder, "rev-parse", "HEAD^{tree}").decode().strip()
    assert [path.path for path in made.touched] == [b"calc.py"]


async def test_what_the_diffs_do_not_lead_to_is_told_with_event_and_path(
    environment: ContainerEnvironment, repository: Repository, limits: Limits
) -> None:
    event = edits(START, {"calc.py": FIXED})[0] | {"seq": 7, "buffer_hash_after": digest(b"another file")}
    made = await prepared(environment, repository, limits, [event])
    with pytest.raises(NoVerdict, match=r"event 7 \(calc\.py\)") as refused:
        made.refuse_unlike()
    assert refused.value.outcome.reason == "buffer_mismatch"
