"""TAP, the Test Anything Protocol, versions 12 to 14: subtests, SKIP, TODO, plans, `Bail out!`, YAML diagnostics.

The tests are the innermost points; a point that sums up subtests is none, and a breakage where it fails although none
of them did. Node's own runner counts such parents as tests, unless they are suites, so where it wrote the stream they
are. A plan that is not kept is a breakage, and a stream without any plan is refused: it has been cut off.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from io import BytesIO

from pipeline.reports.jsonform import BOM
from pipeline.reports.model import BadReport, Breakage, Case, Report, Stated, Status, checked
from pipeline.reports.tap_lines import STEP, Bail, Line, Plan, Point, Subtest, Total, diagnostics, parse_line
from pipeline.reports.values import MAX_CASES, MAX_DEPTH, MS_US, count, duration_us, name, prose

MAX_BLOCK_LINES = 400
_YAML_BEGIN, _YAML_END = "---", "..."


def parse_tap(data: bytes) -> Report:
    """The report. Raises BadReport."""
    stream = _Stream()
    for number, line in enumerate(BytesIO(data.removeprefix(BOM)), 1):
        try:
            stream.line(line.decode().rstrip("\r\n"))
        except UnicodeDecodeError as error:
            raise BadReport(f"line {number} is not UTF-8 ({error.reason}): write it as UTF-8") from None
    return checked(stream.report())


@dataclass(slots=True, eq=False)
class _Level:
    """One level of indentation while it is open: its plan, its points, and what it is called."""

    title: str
    plan: int | None = None
    points: list[_Entry] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class _Entry:
    """A point with its place, what it sums up, and its diagnostics."""

    point: Point
    below: _Level | None
    said: dict[str, str] = field(default_factory=dict)


class _Stream:
    def __init__(self) -> None:
        self._levels = [_Level("")]
        self._closed: _Level | None = None  # the subtest that the next point sums up
        self._announced = ""
        self._block: list[str] | None = None
        self._totals: dict[str, float] = {}
        self._bail: Bail | None = None
        self._points = 0

    def line(self, text: str) -> None:
        """One line of the stream."""
        stripped = text.strip()
        if self._block is not None:
            self._in_block(text, stripped)
        elif stripped == _YAML_BEGIN and self._levels[-1].points:
            self._block = []
        elif (line := parse_line(stripped)) is not None:
            self._take(line, (len(text) - len(text.lstrip(" "))) // STEP)

    def _in_block(self, text: str, stripped: str) -> None:
        assert self._block is not None
        if stripped == _YAML_END:
            self._levels[-1].points[-1].said = diagnostics(self._block)
            self._block = None
        elif len(self._block) < MAX_BLOCK_LINES:
            self._block.append(text)

    def _take(self, line: Line, depth: int) -> None:
        if isinstance(line, Total):
            self._totals[line.key] = line.number
        elif isinstance(line, Bail):
            self._bail = self._bail or line
        elif isinstance(line, Subtest):
            self._announced = line.title
        else:
            self._go_to(depth)
            self._take_result(line)

    def _go_to(self, depth: int) -> None:
        if depth > MAX_DEPTH:
            raise BadReport(f"subtests nested deeper than {MAX_DEPTH}: this is no TAP")
        while len(self._levels) > depth + 1:
            self._closed = self._levels.pop()
        while len(self._levels) < depth + 1:
            self._levels.append(_Level(self._announced))
            self._announced, self._closed = "", None

    def _take_result(self, line: Plan | Point) -> None:
        level = self._levels[-1]
        if isinstance(line, Plan):
            level.plan = line.count
            return
        self._points += 1
        if self._points > MAX_CASES:
            raise BadReport(f"more than {MAX_CASES:,} tests: split the run into several reports")
        if self._closed is not None:
            self._closed.title = line.title or self._closed.title
        level.points.append(_Entry(line, self._closed))
        self._closed = None

    def report(self) -> Report:
        """All that was read."""
        self._go_to(0)
        top = self._levels[0]
        if top.plan is None and self._bail is None:
            raise BadReport("no plan (`1..N`) in it: the stream is cut off or no TAP, run the tests again")
        found = _Found(counts_parents="suites" in self._totals)
        found.level(top, ())
        if self._bail is not None:
            found.broken.append(Breakage("Bail out!", self._bail.reason or "the run was given up"))
        return Report(
            format="tap",
            framework="node" if "suites" in self._totals else "tap",
            cases=tuple(found.cases),
            broken=tuple(found.broken),
            stated=self._stated(top.plan, len(top.points), len(found.cases)),
            duration_us=duration_us(self._totals.get("duration_ms"), MS_US),
        )

    def _stated(self, plan: int | None, points: int, cases: int) -> Stated:
        """The totals of the last comments where there are any; else the plan, where no subtests hide behind it."""
        said = {key: int(number) for key, number in self._totals.items()}
        if "tests" not in said:
            return Stated(tests=plan if points == cases else None)
        failed = said.get("fail", said.get("failed"))
        return Stated(
            tests=said["tests"],
            passed=said.get("pass", said.get("passed")),
            failed=None if failed is None else failed + said.get("cancelled", 0),
            skipped=said.get("skipped", said.get("skip")),
            pending=said.get("todo"),
        )


@dataclass(slots=True)
class _Found:
    """Cases and breakages of the levels, from top to bottom."""

    counts_parents: bool
    cases: list[Case] = field(default_factory=list)
    broken: list[Breakage] = field(default_factory=list)

    def level(self, level: _Level, path: tuple[str, ...]) -> bool:
        """Take all of a level. Returns whether anything in it failed."""
        before = len(self.broken)
        if level.plan is not None and level.plan > len(level.points):
            missing = f"{level.plan - len(level.points)} of {level.plan} planned tests did not report"
            self.broken.append(Breakage(name(" > ".join(path)) or "the plan", missing))
        failed = [self._entry(entry, path) for entry in level.points]
        return any(failed) or len(self.broken) > before

    def _entry(self, entry: _Entry, path: tuple[str, ...]) -> bool:
        status, point = _status(entry.point), entry.point
        if entry.below is None:
            self.cases.append(_case(entry, status, path))
            return status == "failed"
        below = self.level(entry.below, (*path, name(point.title)))
        if self.counts_parents:
            if entry.said.get("type") != "suite":
                self.cases.append(_case(entry, status, path))
        elif status == "failed" and not below:
            message = entry.said.get("error") or entry.said.get("message") or "failed, though none of its subtests did"
            self.broken.append(Breakage(name(point.title), message))
        return below or status == "failed"


def _status(point: Point) -> Status:
    if point.directive == "skip":
        return "skipped"
    if point.directive == "todo":
        return "pending"
    return "passed" if point.ok else "failed"


def _case(entry: _Entry, status: Status, path: tuple[str, ...]) -> Case:
    point, said = entry.point, entry.said
    raw = "ok" if point.ok else "not ok"
    return Case(
        name=name(point.title),
        status=status,
        raw_status=f"{raw} # {point.directive.upper()}" if point.directive else raw,
        suite=path,
        file=name(said.get("file")) or None,
        line=count(said.get("line")),
        duration_us=duration_us(said.get("duration_ms"), MS_US),
        message=prose(said.get("error") or said.get("message") or point.reason),
        trace=prose(said.get("stack")),
    )
