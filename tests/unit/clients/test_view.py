"""A printed trace holds what a person needs to follow it, and nothing in it can reach into the terminal."""

import io
from typing import Any, Literal

import pytest
from rich.console import Console

from clients.timeline import printable
from clients.view import print_trace
from examples.stories import STORIES
from schemas.events import EVENT_ADAPTER


def printed(document: dict[str, Any], *, colour: bool = False, width: int = 160) -> str:
    out = io.StringIO()
    system: Literal["standard"] | None = "standard" if colour else None
    print_trace(document, Console(file=out, width=width, force_terminal=colour, color_system=system))
    return out.getvalue()


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    session = STORIES["simple"].session(1_767_603_600.0)
    events = [EVENT_ADAPTER.validate_python(event).stored() for event in session.events]
    return {
        "trace_version": 1,
        "trace_id": "trace-" + "0" * 32,
        "revision": 1,
        "outcome": "completed",
        "stage": "judged",
        "session": {"participant_id": "dev-ada", "consent": "training"},
        "task": {
            "id": "example-simple",
            "title": session.trace.task_title,
            "description": "A customer [red]paid[/red]",
        },
        "repo": {"origin": session.trace.repo_origin, "start_commit": session.trace.start_commit},
        "environment": {"os": "linux"},
        "events": events,
        "artifacts": {"workspace.bundle": {"uri": "artifact:sha256:0", "kind": "workspace"}},
        "metrics": {"duration_s": 65.0, "num_file_edits": 1},
        "qa": {
            "validation": {
                "verdict": "fixed",
                "level": "verified",
                "tests_passed": 6,
                "tests_failed": 0,
                "claims_reproduced": False,
                "claims_compared": 3,
                "tests": [{"id": "tests/test_x.py::test_a", "before": "failed", "after": "passed", "category": "f2p"}],
            },
            "judge": {
                "overall": 4.15,
                "rubric": "1.0",
                "judge": "heuristic",
                "scores": {"causal_linking": {"grade": 5, "cited_seqs": [3, 5], "rationale": "edit follows note"}},
            },
        },
        "integrity": {
            "status": "gap",
            "head": "sha256:abc",
            "intact": True,
            "complete": False,
            "findings": [{"kind": "gap", "detail": "chunk 2 is missing", "offsets": [7, 9]}],
        },
    }


def test_a_person_can_follow_the_session(document: dict[str, Any]) -> None:
    text = printed(document)
    for shown in (
        "Coupons raise the price",
        "dev-ada  consent: training",
        "shop.git at b5b97051",
        "+0.0s #0",
        "+38.0s #5   file_edit      shop/discounts.py  ← #3",
        "-    return price_cents + price_cents * percent // 100",
        "+    return price_cents - price_cents * percent // 100",
        "$ git diff --stat  exit 0",
        "pytest: 3 passed, 3 failed  exit 1",
        "failed  tests/test_discounts.py::test_ten_percent_off  assert 2200 == 1800",
        "hypothesis: discounted() adds the discount",
        "Subtract the discount from the price",
        "intact: yes  complete: NO",
        "gap at offset 7, 9: chunk 2 is missing",
        "fixed  verified  6 passed, 0 failed",
        "3 test results that the client reported were compared: not reproduced",
        "4.15 of 5  rubric 1.0, judge heuristic",
        "5  causal_linking #3 #5",
        "edit follows note",
    ):
        assert shown in text
    assert text.index("+0.0s") < text.index("+65.0s") < text.index("intact:") < text.index("4.15")


def test_added_and_removed_lines_differ_in_colour(document: dict[str, Any]) -> None:
    text = printed(document, colour=True)
    assert "\x1b[32m+    return price_cents - " in text
    assert "\x1b[31m-    return price_cents + " in text


def test_a_trace_still_on_its_way_says_so() -> None:
    text = printed({"trace_id": "trace-1", "stage": "received", "events": []})
    assert "0 events" in text
    assert text.count("still on its way") == 3
    assert "unknown" not in text
    assert "participant" not in text


def test_a_narrow_terminal_loses_nothing_of_results_and_reasons(document: dict[str, Any]) -> None:
    names = [f"tests/test_login.py::test_user_stays_logged_in_for_a_while[{name}]" for name in ("anna", "boris")]
    qa = document["qa"]
    qa["validation"]["tests"] = [{"id": name, "before": "failed", "after": "passed"} for name in names]
    why = " ".join(f"reason{number}" for number in range(20))
    qa["judge"]["scores"]["causal_linking"]["rationale"] = why
    lines = printed(document, width=80).splitlines()
    assert max(map(len, lines)) <= 80
    assert "[anna]" in "".join(line.split()[0] for line in lines if line.split())
    assert sum("reason" in line for line in lines) <= 3


def test_an_unscored_trace_gives_its_reason() -> None:
    judge: dict[str, Any] = {"outcome": "unscored", "overall": None, "reason": "the reply cited no event", "scores": {}}
    text = printed({"trace_id": "trace-1", "qa": {"judge": judge}})
    assert "no score" in text
    assert "unscored: the reply cited no event" in text


def test_nothing_in_a_trace_is_obeyed_by_the_terminal(document: dict[str, Any]) -> None:
    hostile = {
        "id": "e",
        "seq": 0,
        "ts_client_us": 0,
        "type": "cmd_run",
        "command": "x",
        "output": "\x1b]0;title\x07\r\x9b2J",
    }
    text = printed(document | {"events": [hostile]})
    assert not set(text) & {"\x1b", "\x07", "\r", "\x9b"}
    assert "␛]0;title␇" in text
    assert "A customer [red]paid[/red]" in text


def test_long_outputs_lose_their_middle() -> None:
    lines = [f"line {number}" for number in range(100)]
    event = {"id": "e", "seq": 0, "ts_client_us": 0, "type": "cmd_run", "command": "a\nb", "output": "\n".join(lines)}
    shown = [line.strip() for line in printed({"trace_id": "trace-1", "events": [event]}).splitlines()]
    cut = shown.index("… 86 lines left out …")
    assert shown[cut - 7 : cut] == lines[:7]
    assert shown[cut + 1 : cut + 8] == lines[-7:]


def test_line_ends_of_other_systems_stay_line_ends() -> None:
    assert printable("a\r\nb\tc") == "a\nb\tc"
