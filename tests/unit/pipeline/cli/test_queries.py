"""Where `sql` takes its statement from, and which values it takes for it."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
import typer

from pipeline.cli.queries import _parameters, _statement
from pipeline.cli.terminal import WRONG_USAGE

ASKED = "SELECT {a:String}, { b : UInt32 }"


def test_a_statement_is_given_or_in_a_file_or_on_standard_input(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "asked.sql"
    file.write_text("-- why\nSELECT 2")
    assert (_statement("SELECT 1", ""), _statement("", str(file))) == ("SELECT 1", "-- why\nSELECT 2")
    for place in (("-", ""), ("", "-")):
        monkeypatch.setattr("sys.stdin", io.StringIO("SELECT 3"))
        assert _statement(*place) == "SELECT 3"


def test_values_are_taken_by_name_and_may_hold_anything() -> None:
    assert _parameters(ASKED, ["a=x=y '", "b=3"]) == {"a": "x=y '", "b": "3"}
    assert _parameters("SELECT map('k', 1)", []) == {}


@pytest.mark.parametrize(
    ("pair", "said"),
    [("a", "NAME=VALUE is expected"), ("c=1", "has no {c:Type}; it has a, b")],
    ids=["bare", "unknown"],
)
def test_a_value_that_would_change_nothing_is_refused(pair: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit) as refused:
        _parameters(ASKED, [pair])
    assert refused.value.exit_code == WRONG_USAGE
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("query", "file", "said"), [("SELECT 1", "a.sql", "not both"), ("", "absent.sql", "absent.sql")]
)
def test_wrong_places_are_wrong_usage(query: str, file: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit) as refused:
        _statement(query, file)
    assert refused.value.exit_code == WRONG_USAGE
    assert said in capsys.readouterr().err
