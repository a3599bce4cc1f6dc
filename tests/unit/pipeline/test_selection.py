"""A selection asks for what its options say, and for nothing where they say nothing."""

from __future__ import annotations

from pipeline.selection import Selection


def test_an_empty_selection_asks_for_every_trace() -> None:
    statement, parameters = Selection().query()
    assert statement == "SELECT trace_id FROM v1_traces WHERE true ORDER BY trace_id"
    assert parameters == {}
    assert Selection().told() == {}


def test_every_condition_that_is_given_holds_and_its_values_are_parameters() -> None:
    selection = Selection(
        since_ms=0,
        until_ms=1_700_000_000_000,
        projects=("acme",),
        verdicts=("fixed", "flaky"),
        trace_ids=("trace-1",),
        where="event_count > 3 -- many",
        sample=5,
        seed=7,
    )
    statement, parameters = selection.query()
    assert statement.count(" AND ") == 5 + 1  # one of them inside the condition on the verdict
    assert "event_count > 3 -- many\n)" in statement
    assert "acme" not in statement
    assert parameters.keys() == {"since", "until", "projects", "verdicts", "trace_ids", "sample", "seed"}
    assert parameters["since"].isoformat() == "1970-01-01T00:00:00+00:00"
    told = selection.told()
    assert told["verdicts"] == "fixed, flaky"
    assert told["where"] == "event_count > 3 -- many"
    assert (told["sample"], told["seed"]) == ("5", "7")


def test_a_seed_without_a_sample_is_not_asked() -> None:
    assert Selection(seed=3).query() == Selection().query()
