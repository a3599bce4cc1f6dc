"""What is run: the four suite runs, and the limits. Values only."""

from __future__ import annotations

from dataclasses import dataclass

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
    repeats: int = 1  # of the two runs that decide

    @property
    def workspace_bytes(self) -> int:
        """What a repository may have: it is there as a file and unpacked, with new objects."""
        return self.repository_bytes // 3

    @property
    def lifetime_s(self) -> float:
        """How long a container of one validation can be needed at most: preparation and every run to its deadline."""
        return self.prepare_timeout_s * 2 + (self.run_timeout_s + self.prepare_timeout_s) * (
            len(RUNS) + 2 * self.repeats
        )


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Statuses:
    """What a test framework's exit statuses say."""

    all_passed: int = 0
    some_failed: int = 1
    no_tests: int | None = None  # nothing was collected; None where that counts as all passed
    stopped: frozenset[int] = frozenset()  # it gave up by itself before running the tests

    @property
    def finished(self) -> frozenset[int | None]:
        """The statuses after which a report is complete."""
        return frozenset({self.all_passed, self.some_failed, self.no_tests} - {None})

    def expected(self, collected: int, not_passed: int) -> int:
        """The status that fits a report of `collected` tests, of which `not_passed` failed or err."""
        if not_passed:
            return self.some_failed
        return self.all_passed if collected or self.no_tests is None else self.no_tests
