"""What the client claimed of its tests, against what the rerun of its final tree shows. Pure.

A claim is about the tree it was made on. Only test runs after the last change speak of the final tree, and of several
claims about a test the last one counts: a claim that an edit followed is not wrong, it is about something else. A test
that failed and one that ended in an error are the same claim, since frameworks draw that line in different places.

Clients write ids in other styles than the sandbox's runners (`file::Class::test`): classname and name as in JUnit
reports, dotted as unittest prints them, without the file, with the client's own folders before it. An id stands for the
one test of which its parts are the end, or which is its end; where that is no test or several, it cannot be compared.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sandbox.results import NOT_PASSED, Results
from schemas.records import DifferingClaim

ABSENT = "absent"
_UNITTEST = re.compile(r"(?P<name>\w+) \((?P<owner>[\w.]+)\)")
_SEPARATORS = re.compile(r"::|[/\\.]")
_SUFFIX = re.compile(r"\.py(?=::|$)")

Parts = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Checked:
    """The claims of a trace beside the rerun: how many could be compared and could not, and those that differ."""

    compared: int = 0
    incomparable: int = 0
    differing: tuple[DifferingClaim, ...] = ()

    @property
    def reproduced(self) -> bool | None:
        """Whether every claim that could be compared holds; None where none could."""
        return not self.differing if self.compared else None


@dataclass(frozen=True, slots=True)
class Claim:
    """One result of a client's test run."""

    event_seq: int
    id: str
    status: str


def check_claims(events: Iterable[Mapping[str, Any]], last_change: int | None, rerun: Results) -> Checked:
    """The claims made after the change with the seq `last_change` (None: nothing was changed), beside the rerun.

    `rerun` has the results of the trace's own tests on its final tree; where it has none, nothing is compared.
    """
    claims = claims_after(events, last_change)
    if not rerun:
        return Checked(incomparable=len({claim.id for claim in claims}))
    index = _Index(rerun)
    found = [(claim, index.find(claim.id)) for claim in claims]
    last = {test: claim for claim, test in found if test is not None}
    differing = [
        DifferingClaim(event_seq=claim.event_seq, id=claim.id, claimed=claim.status, rerun=status)
        for test, claim in last.items()
        if _kind(status := index.status(test)) != _kind(claim.status)
    ]
    return Checked(len(last), len({claim.id for claim, test in found if test is None}), tuple(differing))


def claims_after(events: Iterable[Mapping[str, Any]], last_change: int | None) -> list[Claim]:
    """Every result of the test runs after a change, in order."""
    since = -1 if last_change is None else last_change
    runs = [event for event in events if event["type"] == "test_run" and event["seq"] > since]
    ordered = sorted(runs, key=lambda event: int(event["seq"]))
    return [Claim(run["seq"], result["id"], result["status"]) for run in ordered for result in run.get("results", ())]


def parts_of(id: str) -> Parts:
    """The parts of an id in any style, from the outermost; the parameters of a test stay with its name.

    `tests/test_a.py::TestA::test_b[1.5]` and `tests.test_a.TestA.test_b[1.5]` have the same.
    """
    if printed := _UNITTEST.fullmatch(id):
        owner = printed["owner"]
        id = owner if owner.endswith(f".{printed['name']}") else f"{owner}.{printed['name']}"
    name, bracket, parameters = id.partition("[")
    *outer, last = [part for part in _SEPARATORS.split(_SUFFIX.sub("", name)) if part] or [""]
    return (*outer, last + bracket + parameters)


class _Index:
    """The tests of a rerun, found by ids of any style."""

    def __init__(self, rerun: Results) -> None:
        self._rerun = rerun
        self._files = {id.partition("::")[0] for id in rerun}
        self._whole: dict[Parts, list[str]] = defaultdict(list)
        self._ends: dict[Parts, list[str]] = defaultdict(list)
        for id in rerun:
            parts = parts_of(id)
            self._whole[parts].append(id)
            for end in _ends(parts):
                self._ends[end].append(id)

    def find(self, claimed: str) -> str | None:
        """The test that a client's id stands for; None where none or several may be meant.

        An id of the rerun's own style in a file that was run is taken as it is, whether or not there is such a test.
        """
        if claimed in self._rerun:
            return claimed
        parts = parts_of(claimed)
        # a bare name at the end of a longer id is too little to tell that it is the same test
        longer = (self._whole.get(end) for end in _ends(parts) if len(end) > 1)
        candidates = self._ends.get(parts) or next(filter(None, longer), [])
        if len(candidates) == 1:
            return candidates[0]
        owned = "::" in claimed and claimed.partition("::")[0] in self._files and not self._parametrised(claimed)
        return claimed if owned and not candidates else None

    def _parametrised(self, claimed: str) -> bool:
        return any(id.startswith(f"{claimed}[") for id in self._rerun)

    def status(self, test: str) -> str:
        """How the rerun ended for a test; a file that could not be loaded speaks for its tests."""
        return self._rerun.get(test) or self._rerun.get(test.partition("::")[0], ABSENT)


def _ends(parts: Sequence[str]) -> list[Parts]:
    return [tuple(parts[first:]) for first in range(len(parts))]


def _kind(status: str) -> str:
    return "not passed" if status in NOT_PASSED else status
