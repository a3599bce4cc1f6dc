"""A project of another language: a small one with a bug, judged by Node's own test runner in an image of its own."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from deploy.embedded.sandbox_image import ImageUnavailable, ensure_image
from deploy.embedded.sandbox_recipes import NODE, PYTHON
from sandbox.checkout import MIRROR
from sandbox.container import Containers
from sandbox.environment import ImageMissing
from sandbox.failures import Outcome
from sandbox.job import Job, Task
from sandbox.patching import patches_of
from sandbox.spec import MIB, Limits
from sandbox.suites import Evidence
from sandbox.validation import validate
from sandbox.workspace import pack_objects
from tests.support.sandbox import Repository, edits, make_repository
from tests.support.stack import absent

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.timeout(300)]

CALC = "'use strict';\nexports.add = (a, b) => a - b;\nexports.sub = (a, b) => a - b;\n"
FIXED = CALC.replace("a - b", "a + b", 1)
TESTS = """'use strict';
const { describe, it } = require('node:test');
const assert = require('node:assert');
const { add, sub } = require('../lib/calc');

describe('calc', () => {
  it('adds', () => assert.strictEqual(add(1, 2), 3));
  it('subtracts', () => assert.strictEqual(sub(3, 1), 2));
});
"""
START = {"package.json": '{"name": "calc", "version": "1.0.0"}\n', "lib/calc.js": CALC, "test/calc.test.js": TESTS}
OWN_TEST = """import { test } from 'node:test';
import assert from 'node:assert';
import { mul } from '../lib/calc.js';

test('multiplies', () => assert.strictEqual(mul(2, 3), 6));
"""
MUL = "exports.mul = (a, b) => a * b;\n"
LIMITS = Limits(run_timeout_s=20, memory_bytes=256 * MIB, pids=64, repository_bytes=64 * MIB, scratch_bytes=64 * MIB)


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    return make_repository(tmp_path_factory.mktemp("node") / "calc", START)


@pytest.fixture
def containers(docker_host: str) -> Iterator[Containers]:
    try:
        image = ensure_image(docker_host, NODE)
    except ImageUnavailable as problem:
        absent(str(problem))
    made = Containers(docker_host, {"python": PYTHON.image, "node": image}, "runc", LIMITS)
    yield made
    made.close()


async def judged(
    containers: Containers, repository: Repository, after: dict[str, str], task: Task | None = None
) -> tuple[Outcome, Evidence]:
    events: list[dict[str, Any]] = edits(START, after)
    workspace = {MIRROR: pack_objects(repository.objects, 10**8)}
    job = Job(workspace=workspace, commit=repository.commit, patches=patches_of(events), task=task or Task())
    return await validate(containers, job, LIMITS, lambda: secrets.token_hex(16))


def verdict(outcome: Outcome) -> str:
    return "/".join(filter(None, (outcome.verdict, outcome.level, outcome.reason)))


async def test_the_right_change_is_verified_by_the_tests_of_the_start_commit(
    containers: Containers, repository: Repository
) -> None:
    outcome, evidence = await judged(containers, repository, {"lib/calc.js": FIXED})
    assert verdict(outcome) == "fixed/verified", outcome.detail
    assert [(test.id, test.category) for test in evidence.tests] == [
        ("test/calc.test.js::calc::adds", "fail_to_pass"),
        ("test/calc.test.js::calc::subtracts", "pass_to_pass"),
    ]
    assert (evidence.environment["runner"], evidence.environment["image"]) == ("node", NODE.image)
    assert evidence.environment["network"] == "none"


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        ({"lib/calc.js": CALC.replace("a - b", "a * b", 1)}, "not_fixed"),
        ({"lib/calc.js": CALC.replace("a - b", "b + a")}, "regressed"),
        ({"lib/calc.js": CALC + MUL, "test/mul.test.mjs": OWN_TEST}, "unverifiable/original_still_fails"),
        ({"test/calc.test.js": TESTS.replace("3)", "-1)", 1)}, "not_fixed"),
        ({"lib/calc.js": "require('node:assert').strictEqual = () => {};\n" + CALC}, "unverifiable/tampered"),
        ({"lib/calc.js": "process.exit(0);\n" + CALC}, "regressed"),
        ({"lib/calc.js": "while (true) {}\n"}, "timeout"),
        ({"package.json": '{"name": "calc", "main": "x"}\n'}, "not_fixed"),
    ],
)
async def test_other_changes_are_not_called_fixed(
    containers: Containers, repository: Repository, after: dict[str, str], expected: str
) -> None:
    outcome, _ = await judged(containers, repository, after)
    assert verdict(outcome) == expected, outcome.detail


async def test_black_box_tests_call_a_program_of_another_language(
    containers: Containers, repository: Repository
) -> None:
    test = b"""from program import run

PRINTS = "console.log(require('./lib/calc').add(Number(process.argv[1]), 2))"


def test_adds():
    assert run("node", "-e", PRINTS, "20019").text == "20021\\n"
"""
    task = Task(black_box_tests={"test_calc.py": test})
    outcome, evidence = await judged(containers, repository, {"lib/calc.js": FIXED}, task)
    assert verdict(outcome) == "fixed/verified", outcome.detail
    assert evidence.environment["regressions"] == "looked for by 1 tests of the start commit"
    # right where a test runner is the parent, and so in Node's own tests
    knowing = CALC.replace("a - b", "process.env.NODE_TEST_CONTEXT ? a + b : a - b", 1)
    outcome, _ = await judged(containers, repository, {"lib/calc.js": knowing}, task)
    assert verdict(outcome) == "not_fixed"


async def test_without_the_image_it_is_named(docker_host: str, repository: Repository, tmp_path: Path) -> None:
    none = Containers(docker_host, {"python": PYTHON.image, "node": "pr-telemetry/sandbox-node:absent"}, "runc", LIMITS)
    try:
        with pytest.raises(ImageMissing, match="sandbox-node:absent"):
            await judged(none, repository, {"lib/calc.js": FIXED})
    finally:
        none.close()
