"""Of real releases the sandbox says what is so: no earlier one is called fixed, each later one is, and backwards."""

from __future__ import annotations

import asyncio
import os

import pytest

from deploy.embedded.jars import cache_root
from tests.evidence.__main__ import table
from tests.evidence.pairs import PAIRS, Pair
from tests.evidence.sdists import Unfetched, sdist
from tests.evidence.trials import Trial, distributions, sandbox, trials

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.timeout(1200)]
REQUIRED = "REQUIRE_EVIDENCE"  # not REQUIRE_INTEGRATION: the package index is no part of ours


@pytest.fixture(scope="module")
def made(docker_host: str) -> dict[Pair, Trial]:
    """Every pair's trial."""
    cache = cache_root(os.environ) / "sdists"
    try:
        for wanted in distributions(PAIRS):
            sdist(*wanted, cache)
    except Unfetched as problem:
        if os.environ.get(REQUIRED) == "1":
            pytest.fail(str(problem), pytrace=False)
        pytest.skip(f"{problem} ({REQUIRED}=1 makes this a failure)")
    with sandbox(docker_host) as environments:
        found = asyncio.run(trials(environments, PAIRS, cache))
    print(table(found))  # noqa: T201 - with -s
    return {trial.pair: trial for trial in found}


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair.name)
def test_every_way_gets_its_verdict(made: dict[Pair, Trial], pair: Pair) -> None:
    assert made[pair].verdicts == pair.expected, made[pair].details


def test_what_is_no_fix_is_never_called_one(made: dict[Pair, Trial]) -> None:
    for trial in made.values():
        assert not trial.verdicts["tests only"].startswith("fixed")
        assert not trial.verdicts["backwards"].startswith("fixed")
