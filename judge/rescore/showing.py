"""How a run tells a person how far it is, on standard error: a bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from datetime import timedelta
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from judge.rescore.tally import Tally

LINE_S = 5.0


class Showing:
    """To be entered; `show` hears how far it is. The rate is that of this process, since its start."""

    def __init__(self, run_id: str, total: int, before: int) -> None:
        self._total, self._before, self._began_s = total, before, time.monotonic()
        self._told_s = self._began_s
        console = Console(stderr=True)
        columns = (
            *(TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn()),
            *(TextColumn("{task.fields[rate]}"), TimeRemainingColumn(elapsed_when_finished=True)),
        )
        self._bar = Progress(*columns, console=console, speed_estimate_period=60) if console.is_terminal else None
        if self._bar:
            self._task = self._bar.add_task(run_id, total=total, completed=before, rate="")

    def __enter__(self) -> Self:
        if self._bar:
            self._bar.start()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _at: TracebackType | None
    ) -> None:
        if self._bar:
            self._bar.stop()

    def show(self, position: int, tally: Tally) -> None:
        """`position` of the total are dealt with."""
        now_s = time.monotonic()
        rate = (position - self._before) / max(now_s - self._began_s, 1e-3)
        if self._bar:
            self._bar.update(self._task, completed=position, rate=f"{rate:,.0f}/s")
        elif now_s - self._told_s >= LINE_S:
            self._told_s = now_s
            say(_line(position, self._total, rate, tally))


def _line(position: int, total: int, rate: float, tally: Tally) -> str:
    left = timedelta(seconds=round((total - position) / rate)) if rate else "?"
    cached = f", {tally.cached} cached" if tally.cached else ""
    return f"{position}/{total} traces, {rate:,.0f} a second, {left} left{cached}"


def say(line: str) -> None:
    """One line on standard error."""
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()
