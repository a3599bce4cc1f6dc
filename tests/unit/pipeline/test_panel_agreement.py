"""How far jurors agree, and how each votes beside the panel."""

from __future__ import annotations

import pytest

from pipeline.panel_agreement import Juror, Votes, panels

ABC = ("a", "b", "c")


def votes(*unit: int | None, criterion: str = "efficiency", times: int = 1, jurors: tuple[str, ...] = ABC) -> Votes:
    given = sorted(vote for vote in unit if vote is not None)
    return Votes(jurors, criterion, given[(len(given) - 1) // 2] if given else None, unit, times)


def test_each_criterion_has_its_agreement_and_spread() -> None:
    rows = [
        votes(0, 0, 0),
        votes(5, 5, 5),
        votes(5, 5, None),
        votes(3, None, None),
        votes(1, 2, 3, criterion="causal_linking", times=2),
        votes(4, 1, 1, criterion="causal_linking"),
    ]
    [panel] = panels(rows, seed=0, resamples=0)
    efficiency, linking = panel.criteria
    assert (efficiency.traces, efficiency.compared, efficiency.alpha.value, efficiency.mean_spread) == (4, 3, 1.0, 0.0)
    assert (linking.traces, linking.compared) == (3, 3)
    assert linking.mean_spread == pytest.approx((2 + 2 + 3) / 3)
    assert linking.alpha.value is not None
    assert linking.alpha.value < 0, "less than by chance"
    assert linking.alpha.interval is None


def test_votes_of_each_juror_are_counted_beside_the_panels() -> None:
    rows = [votes(5, 3, 1, times=2), votes(4, 4, None), votes(None, None, None)]
    [panel] = panels(rows, seed=0, resamples=0)
    assert panel.jurors == (
        Juror("a", voted=3, abstained=1, same=1, lower=0, higher=2),
        Juror("b", voted=3, abstained=1, same=3, lower=0, higher=0),
        Juror("c", voted=2, abstained=2, same=0, lower=2, higher=0),
    )


def test_where_nobody_was_voted_on_twice_there_is_no_agreement() -> None:
    [panel] = panels([votes(5, None, None), votes(None, None, None)], seed=0, resamples=100)
    [criterion] = panel.criteria
    assert (criterion.compared, criterion.alpha.value, criterion.alpha.interval, criterion.mean_spread) == (
        0,
        None,
        None,
        None,
    )


def test_panels_of_other_jurors_are_told_apart() -> None:
    found = panels([votes(1, 1, jurors=("x", "y")), votes(1, 2, 3)], seed=0, resamples=0)
    assert [tuple(juror.name for juror in panel.jurors) for panel in found] == [ABC, ("x", "y")]


def test_the_same_seed_gives_the_same_interval() -> None:
    rows = [votes(n % 6, (n * 7) % 6, n % 5) for n in range(40)]
    once, again = (panels(rows, seed=3, resamples=50) for _ in range(2))
    assert once == again
    assert once[0].criteria[0].alpha.interval is not None
