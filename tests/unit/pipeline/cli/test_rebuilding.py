"""What the commands of a rebuild say to people."""

from __future__ import annotations

import json
import subprocess
from typing import Any

import pytest
import typer

from pipeline.cli.rebuilding import BUILD, CHECK, DROP, SWAP, Rebuild, rebuild

BUILT = {"database": "t_shadow_r", "action": BUILD, "rows": 7, "records": 3, "rows_per_s": 5, "refused": 1}
DIGESTS = {"traces": {"rows": 2, "digest": "aa"}, "events": {"rows": 9, "digest": "bb"}}
DIFFERENT = {
    "database": "t_shadow_r",
    "action": CHECK,
    "equal": False,
    "live": DIGESTS,
    "shadow": DIGESTS | {"traces": {"rows": 3, "digest": "cc"}},
    "differences": [
        {"table": "traces", "place": "trace-assembled/0", "kind": "missing", "count": 1, "keys": ["('trace-1',1)"]}
    ],
    "swapped": False,
}


def _said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], document: dict[str, Any] | None, status: int
) -> tuple[str, int, list[str]]:
    """Standard output and exit status where the module says this, and what it was called with."""
    called: list[str] = []

    def run(command: list[str], **_options: Any) -> subprocess.CompletedProcess[bytes]:
        called.extend(command)
        return subprocess.CompletedProcess(command, status, json.dumps(document).encode() if document else b"")

    async def audited(_entry: object) -> None: ...

    monkeypatch.setattr("pipeline.cli.rebuilding.subprocess.run", run)
    monkeypatch.setattr("pipeline.cli.rebuilding.audited", audited)
    monkeypatch.setenv("COLUMNS", "160")
    action = document["action"] if document else BUILD
    with pytest.raises(typer.Exit) as ended:
        rebuild(Rebuild("r", action, ("rejects",), 1, 2), yes=True, by="ann", as_json=False)
    return capsys.readouterr().out, ended.value.exit_code, called


def test_a_build_says_how_much_and_what_it_was_asked_for(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text, status, called = _said(monkeypatch, capsys, BUILT, 0)
    assert (status, text) == (0, "t_shadow_r is up to date: 7 rows of 3 records, 5 rows a second\n")
    asked = ["build", "--run", "r", "--topic", "rejects", "--since-ms", "1", "--until-ms", "2"]
    assert called[-len(asked) :] == asked


def test_a_check_shows_both_digests_and_names_what_differs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text, status, _ = _said(monkeypatch, capsys, DIFFERENT, 1)
    assert status == 1
    assert [line.split() for line in text.splitlines() if line.startswith("traces ")] == [
        ["traces", "2", "3", "aa", "cc"],
        ["traces", "trace-assembled/0:", "1", "missing", "in", "the", "live", "table,", "first", "('trace-1',1)"],
    ]
    assert text.splitlines()[-1] == "different"


@pytest.mark.parametrize(
    ("document", "text"),
    [
        ({"action": SWAP, "swapped": True}, "exchanged: d now holds the former live tables"),
        ({"action": SWAP, "swapped": False}, "exchanged: d now holds the rebuilt tables"),
        ({"action": DROP, "dropped": True}, "d is dropped"),
        ({"action": DROP, "dropped": False}, "d was not there"),
    ],
)
def test_a_swap_and_a_drop_say_what_holds_now(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], document: dict[str, Any], text: str
) -> None:
    assert _said(monkeypatch, capsys, {"database": "d", **document}, 0)[:2] == (f"{text}\n", 0)


def test_what_was_cut_short_says_how_it_goes_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _said(monkeypatch, capsys, None, -9)[:2] == ("", 3)
