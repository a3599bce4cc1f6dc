"""The port to a test framework: how its tests are started, and how what it wrote is read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from sandbox.results import Report
from sandbox.spec import HOME, Statuses


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """One run: files or test ids to run (all where empty), and a secret of this run alone, in hex."""

    selection: tuple[str, ...]
    nonce: str


# What may decide a result and is the same in every run, whatever the framework.
PINNED: Mapping[str, str] = {
    "HOME": HOME,
    "PATH": "/usr/local/bin:/usr/bin:/bin",
    "LANG": "C.UTF-8",
    "LC_ALL": "C.UTF-8",
    "TZ": "UTC",
}


def _nothing(_: Plan) -> bytes:
    return b""


def _the_same(_: int) -> Mapping[str, str]:
    return {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Runner:
    """A test framework. Its image has `sh`, `git` and `tar` besides: the tree is made in the same container.

    `command` runs the tests in spec.WORK: the report goes to standard output, whatever tests print to standard error.
    `stdin` is what the command reads first, before any code of the tree runs. `parse` reads the report into one status
    per test id (`file::test`); ids without `::` are files that could not be loaded. It raises BadReport, Forged where
    something else than the runner spoke, Unfinished where the runner did not come to its end.
    """

    name: str
    image: str  # the key of the image in Containers' images, which come from the settings
    markers: tuple[str, ...]  # files at the root of the start commit that choose this runner
    environment: Mapping[str, str]
    command: Callable[[Plan], tuple[str, ...]]
    parse: Callable[[bytes, Plan], Report]
    stdin: Callable[[Plan], bytes] = _nothing
    occupied: tuple[str, ...] = ()  # paths of what it has loaded itself: a tree's own would not be what is tested
    varied: Callable[[int], Mapping[str, str]] = _the_same  # what the environment of the n-th repeat has instead
    statuses: Statuses = field(default_factory=Statuses)
