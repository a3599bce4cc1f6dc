"""What is run: the four suite runs, the runner's command and the limits. Values only."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sandbox.reports import Results, parse_junit

MIB = 1024 * 1024
WORK = "/tmp/work"  # where the tree under test is unpacked, inside the container only
HOME = "/tmp/home"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one validation may use. Sizes in bytes, times in seconds."""

    run_timeout_s: float
    memory_bytes: int
    pids: int
    cpus: float = 1.0
    repository_bytes: int = 192 * MIB
    scratch_bytes: int = 192 * MIB
    output_bytes: int = 64 * 1024
    report_bytes: int = 32 * MIB
    prepare_timeout_s: float = 60.0

    @property
    def lifetime_s(self) -> float:
        """How long a container of one validation can be needed at most: preparation and every run to its deadline."""
        return self.prepare_timeout_s * 2 + (self.run_timeout_s + self.prepare_timeout_s) * (len(RUNS) + 1)


@dataclass(frozen=True, slots=True)
class Run:
    """One suite run: which parts of the trace's change its tree has. Configuration is always the start commit's."""

    name: str
    source: bool
    tests: bool


ORIGINAL_BEFORE = Run("original_before", source=False, tests=False)
ORIGINAL_AFTER = Run("original_after", source=True, tests=False)
TRACE_BEFORE = Run("trace_before", source=False, tests=True)
TRACE_AFTER = Run("trace_after", source=True, tests=True)
RUNS = (ORIGINAL_BEFORE, ORIGINAL_AFTER, TRACE_BEFORE, TRACE_AFTER)


def distinct_runs(trees: dict[str, str]) -> tuple[Run, ...]:
    """The runs that need to be made, where `trees` gives each run's tree: a tree that was run needs no second run."""
    first = {tree: name for name, tree in reversed(trees.items())}
    return tuple(run for run in RUNS if first[trees[run.name]] == run.name)


@dataclass(frozen=True, slots=True)
class Runner:
    """A test framework: the command that runs a whole suite in WORK, and the reader of the report it writes."""

    command: Callable[[str], tuple[str, ...]]
    environment: tuple[tuple[str, str], ...]
    parse: Callable[[bytes], Results]


# pytest is imported before the tree under test is put on the path, so that no module of that tree can stand in for it;
# then the path is what `python -m pytest` gives, and `src` for the usual layout without an installation.
_LAUNCH = f"import sys, pytest; sys.path[:0] = ['{WORK}', '{WORK}/src']; sys.exit(pytest.main(sys.argv[1:]))"


def _pytest(report: str) -> tuple[str, ...]:
    options = ("-q", "--color=no", "--tb=short", "-p", "no:cacheprovider", "--continue-on-collection-errors")
    return ("python3", "-P", "-c", _LAUNCH, *options, "-o", "junit_family=xunit1", f"--junitxml={report}")


PYTEST = Runner(
    command=_pytest,
    environment=(
        ("HOME", HOME),
        ("PATH", "/usr/local/bin:/usr/bin:/bin"),
        ("LANG", "C.UTF-8"),
        ("TZ", "UTC"),
        ("PYTHONHASHSEED", "0"),
        ("PYTHONDONTWRITEBYTECODE", "1"),
        # a *.dist-info folder in the tree would otherwise load itself into the runner as a plugin
        ("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1"),
    ),
    parse=parse_junit,
)
