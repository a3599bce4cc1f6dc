"""Pauses grow, end, and begin anew after a success."""

from sinks.backoff import FIRST_PAUSE_S, LONGEST_PAUSE_S, Backoff


def test_pauses() -> None:
    backoff = Backoff()
    assert not backoff.waiting(100.0)
    pauses = [backoff.failed(100.0) for _ in range(8)]
    assert pauses[:3] == [FIRST_PAUSE_S, 2 * FIRST_PAUSE_S, 4 * FIRST_PAUSE_S]
    assert pauses[-1] == LONGEST_PAUSE_S
    assert backoff.waiting(100.0 + LONGEST_PAUSE_S - 0.01)
    assert not backoff.waiting(100.0 + LONGEST_PAUSE_S)
    backoff.succeeded()
    assert backoff.failed(200.0) == FIRST_PAUSE_S
