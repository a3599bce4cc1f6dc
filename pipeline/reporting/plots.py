"""Plots as inline SVG: paired histograms, scatter, bars, matrices. Pure; colours come from the page's style sheet.

Every plot has a title and a description in words, which is what a screen reader says instead of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import count
from math import log1p, sqrt

from pipeline.reporting.markup import Child, Html, el

SIDES = ("a", "b")
_LEFT, _TOP, _BOTTOM = 44, 12, 24
_FINE = 5
"""Scores are drawn in steps of a fifth of a grade."""


class Plots:
    """Makes the plots of one page, each with ids of its own."""

    def __init__(self) -> None:
        self._numbers = count(1)

    def _plot(self, title: str, description: str, size: tuple[int, int], *parts: Child | Iterable[Child]) -> Html:
        number = next(self._numbers)
        names = f"plot{number}-title", f"plot{number}-desc"
        drawing = el(
            "svg",
            el("title", title, id=names[0]),
            el("desc", description, id=names[1]),
            *parts,
            viewBox=f"0 0 {size[0]} {size[1]}",
            width=size[0],
            height=size[1],
            role="img",
            aria_labelledby=f"{names[0]} {names[1]}",
        )
        return el("figure", drawing, el("figcaption", title))

    def histograms(self, title: str, labels: Sequence[str], counts: tuple[Sequence[int], Sequence[int]]) -> Html:
        """Two histograms over the same classes, side by side in each."""
        width, height = (262, 190) if len(labels) <= 10 else (460, 240)
        highest = max(2, *counts[0], *counts[1])
        highest += highest % 2  # so that half of it is a count too
        step = (width - _LEFT) / len(labels)
        marks: list[Html] = list(_count_axis(highest, width, height))
        for place, label in enumerate(labels):
            left = _LEFT + place * step
            for side, name in enumerate(SIDES):
                tall = (height - _BOTTOM - _TOP) * counts[side][place] / highest
                hint = el("title", f"{name.upper()}, {label}: {counts[side][place]}")
                bar = {"x": left + step * (0.1 + 0.4 * side), "width": step * 0.38, "height": tall}
                marks.append(_shape("rect", hint, y=height - _BOTTOM - tall, class_=f"{name} bar", **bar))
            if len(labels) <= 10 or place % 5 == 0:
                marks.append(_words(label, left + step / 2, height - _BOTTOM + 16))
        said = "; ".join(
            f"{name.upper()}: " + ", ".join(f"{label} {n}" for label, n in zip(labels, counts[side], strict=True) if n)
            for side, name in enumerate(SIDES)
        )
        return self._plot(title, said or "nothing is counted", (width, height), marks)

    def scatter(self, title: str, scores: Mapping[tuple[int, int], int], highest: int) -> Html:
        """A dot for each small square of scores, A to the right, B upward, as large as many traces are in it."""
        size, pad = 340, 44
        unit = (size - pad - 12) / highest
        width = highest // (5 * _FINE)
        squares: dict[tuple[int, int], int] = {}
        for (one, other), many in scores.items():
            square = round(one / width) * width, round(other / width) * width
            squares[square] = squares.get(square, 0) + many
        most = max(squares.values(), default=1)
        marks = [*_square_axes(size, pad, "A", "B")]
        marks.append(_line(pad, size - pad, pad + highest * unit, size - pad - highest * unit, "same"))
        for (one, other), many in sorted(squares.items()):
            hint = el("title", f"A {one / 1000:.1f}, B {other / 1000:.1f}: {many}")
            radius = 1.5 + 6 * sqrt(many / most)
            at = {"cx": pad + one * unit, "cy": size - pad - other * unit, "r": radius}
            marks.append(_shape("circle", hint, class_="dot", **at))
        above = sum(n for (one, other), n in scores.items() if other > one)
        below = sum(n for (one, other), n in scores.items() if other < one)
        said = f"{above} traces are above the diagonal (B gives more), {below} below it, of {sum(scores.values())}."
        return self._plot(title, said, (size, size), marks)

    def bars(self, title: str, rows: Sequence[tuple[str, float | None, float | None]], highest: float) -> Html:
        """Two bars for each row: A above, B below; none where there is no value."""
        left, width, tall = 190, 560, 40
        height = tall * len(rows) + 28
        unit = (width - left - 60) / highest
        marks = [_line(left + grade * unit, 4, left + grade * unit, height - 24, "grid") for grade in range(6)]
        marks += [_words(str(grade), left + grade * unit, height - 8) for grade in range(6)]
        for place, (name, *values) in enumerate(rows):
            top = place * tall + 6
            marks.append(_words(name, left - 8, top + 18, "end"))
            for side, value in enumerate(values):
                if value is not None:
                    bar = {"x": left, "y": top + side * 14, "width": value * unit, "height": 12}
                    marks.append(_shape("rect", None, class_=f"{SIDES[side]} bar", **bar))
                    marks.append(_words(f"{value:.2f}", left + value * unit + 5, top + side * 14 + 10, "start"))
        said = "; ".join(f"{name}: A {_said(one)}, B {_said(other)}" for name, one, other in rows)
        return self._plot(title, said, (width, height), marks)

    def matrix(self, title: str, cells: Mapping[tuple[int, int], int]) -> Html:
        """How often each pair of grades was given: A to the right, B upward."""
        size, pad = 212, 40
        step = (size - pad - 12) / 6
        most = max(cells.values(), default=1)
        marks = []
        for (one, other), many in sorted(cells.items()):
            left, top = pad + one * step, size - pad - (other + 1) * step
            depth = 0.12 + 0.88 * log1p(many) / log1p(most)
            hint = el("title", f"A {one}, B {other}: {many}")
            square = {"x": left, "y": top, "width": step, "height": step, "fill_opacity": depth}
            marks.append(_shape("rect", hint, class_="cell", **square))
            shown = str(many) if many < 1000 else f"{many / 1000:.0f}k"
            marks.append(_words(shown, left + step / 2, top + step / 2 + 4, style="on" if depth > 0.55 else "off"))
        for grade in range(6):
            marks.append(_words(str(grade), pad + (grade + 0.5) * step, size - pad + 15))
            marks.append(_words(str(grade), pad - 8, size - pad - (grade + 0.5) * step + 4, "end"))
            place = pad + grade * step, size - pad - (grade + 1) * step
            marks.append(_shape("rect", None, x=place[0], y=place[1], width=step, height=step, class_="diagonal"))
        marks += _axis_names(size, pad, "A", "B")
        said = ", ".join(f"A {one} B {other}: {many}" for (one, other), many in sorted(cells.items()))
        return self._plot(title, said or "nothing was graded by both", (size, size), marks)


def _said(value: float | None) -> str:
    return "no value" if value is None else f"{value:.2f}"


def _shape(name: str, hint: Html | None, **attributes: Child) -> Html:
    rounded = {key: round(value, 3) if isinstance(value, float) else value for key, value in attributes.items()}
    return el(name, hint, **rounded)


def _line(x1: float, y1: float, x2: float, y2: float, style: str) -> Html:
    return _shape("line", None, x1=x1, y1=y1, x2=x2, y2=y2, class_=style)


def _words(words: str, x: float, y: float, anchor: str = "middle", style: str | None = None) -> Html:
    return el("text", words, x=round(x, 1), y=round(y, 1), text_anchor=anchor, class_=style)


def _count_axis(highest: int, width: int, height: int) -> Iterable[Html]:
    for share in (0.0, 0.5, 1.0):
        value = highest * share
        y = height - _BOTTOM - (height - _BOTTOM - _TOP) * share
        yield _line(_LEFT, y, width, y, "grid")
        yield _words(f"{value:,.0f}", _LEFT - 6, y + 4, "end")


def _square_axes(size: int, pad: int, across: str, upward: str) -> Iterable[Html]:
    unit = (size - pad - 12) / 5
    for grade in range(6):
        x, y = pad + grade * unit, size - pad - grade * unit
        yield _line(x, 12, x, size - pad, "grid")
        yield _line(pad, y, size - 12, y, "grid")
        yield _words(str(grade), x, size - pad + 16)
        yield _words(str(grade), pad - 8, y + 4, "end")
    yield from _axis_names(size, pad, across, upward)


def _axis_names(size: int, pad: int, across: str, upward: str) -> Iterable[Html]:
    yield _words(across, pad + (size - pad - 12) / 2, size - 8, style="axis")
    yield _words(upward, 12, 12 + (size - pad - 12) / 2, style="axis")
