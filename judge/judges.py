"""The judge without a model, and what identifies any judge.

A judge's digest covers everything that determines its answers, this package's own source included, so that scores of
different judges are never taken for the same and an unchanged judge is recognised.
"""

from collections.abc import Iterable, Mapping
from importlib.resources import files
from typing import Any

from judge import heuristics
from judge.features import Features
from judge.judging import Case, Judgement
from judge.rubric import Rubric
from pipeline.canonical import digest, digest_of

HEURISTIC_SOURCES = (
    "account.py", "bugfixing.py", "commands.py", "dangers.py", "diffs.py", "features.py", "heuristics.py", "hygiene.py",
    "links.py", "novice.py", "opinions.py", "phrases.py", "scoring.py", "shell.py", "timeline.py", "trajectory.py",
    "working.py",
)  # fmt: skip


class HeuristicJudge:
    """Grades from features alone: free, offline, the same every time. Raises NoHeuristic where it grades too little."""

    kind = "heuristic"
    model: str | None = None

    def __init__(self, rubric: Rubric) -> None:
        heuristics.check_rubric(rubric)
        self.rubric = rubric
        self.digest = digest_of({"code": code_digest(HEURISTIC_SOURCES), "kind": self.kind, "rubric": rubric.digest()})

    async def judge(self, case: Case, /) -> Judgement:
        return self.judged(case.document, case.features)

    def judged(self, document: Mapping[str, Any], features: Features) -> Judgement:
        """The same without waiting for anything: pure, to be called in a process of its own where that is quicker."""
        type_by_seq = {event["seq"]: event["type"] for event in document["events"]}
        return Judgement(heuristics.grade(self.rubric, features, type_by_seq))

    async def close(self) -> None:
        pass


def code_digest(sources: Iterable[str]) -> str:
    """The digest of files of this package that answers come from, so that no version of them can be forgotten."""
    folder = files("judge")
    return digest_of({name: digest((folder / name).read_bytes()) for name in sources})
