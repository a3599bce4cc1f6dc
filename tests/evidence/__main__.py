"""`python -m tests.evidence [WORD...]`: the verdicts on all pairs, or on those named with one of the words."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Iterable, Sequence

from deploy.embedded.docker_engine import EngineUnavailable
from deploy.embedded.jars import cache_root
from deploy.embedded.sandbox_image import ImageUnavailable
from tests.evidence.pairs import PAIRS, Pair
from tests.evidence.sdists import Unfetched
from tests.evidence.trials import WAYS, Trial, sandbox, trials
from tests.support.docker import docker_engine

HEADINGS = ("package", "releases", "tests", "fail to pass", *WAYS)


def table(made: Iterable[Trial]) -> str:
    """The trials as a table in Markdown."""
    lines = [HEADINGS, tuple("---" for _ in HEADINGS), *(_cells(trial) for trial in made)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _cells(trial: Trial) -> tuple[str, ...]:
    pair, verdicts = trial.pair, [trial.verdicts[way] for way in WAYS]
    numbers = (str(trial.tests), str(trial.fail_to_pass))
    return (pair.package, f"{pair.earlier}, {pair.later}", *numbers, *(said.replace("/", " ") for said in verdicts))


def unexpected(made: Iterable[Trial]) -> list[str]:
    """A line for each verdict that is not the pair's expected one."""
    return [
        f"{trial.pair.name}, {way}: {trial.verdicts[way]}, expected {expected}: {trial.details[way]}"
        for trial in made
        for way, expected in trial.pair.expected.items()
        if trial.verdicts[way] != expected
    ]


def main(words: Sequence[str]) -> int:
    """0 every verdict is the expected one, 1 some is not, 2 the trials could not be made."""
    chosen = [pair for pair in PAIRS if not words or any(word in pair.name for word in words)]
    try:
        made = _made(chosen)
    except (EngineUnavailable, ImageUnavailable, Unfetched) as problem:
        print(problem, file=sys.stderr)  # noqa: T201
        return 2
    wrong = unexpected(made)
    print(table(made), *wrong, sep="\n")  # noqa: T201
    return 1 if wrong else 0


def _made(pairs: Sequence[Pair]) -> list[Trial]:
    with docker_engine() as host, sandbox(host) as environments:
        return asyncio.run(trials(environments, pairs, cache_root(os.environ) / "sdists"))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
