"""Runs are folded from `control`: the last state and the last promotion hold; what cannot be read changes nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from pipeline.control import ControlView
from pipeline.runs import HUMAN, LIVE, Runs, is_name, promotion_key, run_key, state_key
from schemas.codec import encode
from schemas.examples import load_examples
from schemas.records import RunManifest, RunPromoted, RunStateChanged

EXAMPLES: dict[str, Any] = load_examples()
MANIFEST: RunManifest = replace(EXAMPLES["RunManifest"], run_id="a")
STATE: RunStateChanged = replace(EXAMPLES["RunStateChanged"], run_id="a")
PROMOTED: RunPromoted = replace(EXAMPLES["RunPromoted"], run_id="a", project="acme")


def test_a_run_has_its_manifest_and_its_last_state() -> None:
    view = ControlView()
    view.apply(run_key("a"), encode(MANIFEST))
    assert (view.runs.manifests, view.runs.state("a")) == ({"a": MANIFEST}, "planned")
    for state in ("running", "paused"):
        view.apply(state_key("a"), encode(replace(STATE, state=state)))
    assert view.runs.state("a") == "paused"


def test_the_last_promotion_of_a_project_holds_and_live_is_the_way_back() -> None:
    runs = Runs()
    assert runs.promoted("acme") == LIVE
    runs.apply(promotion_key("acme"), encode(PROMOTED))
    assert (runs.promoted("acme"), runs.promoted("other"), runs.followers("a")) == ("a", LIVE, ["acme"])
    runs.apply(promotion_key("acme"), encode(replace(PROMOTED, run_id=LIVE)))
    assert (runs.promoted("acme"), runs.followers("a")) == (LIVE, [])


@pytest.mark.parametrize(
    ("key", "value"),
    [
        (run_key("a"), b"damaged"),
        (state_key("a"), None),
        (promotion_key("acme"), encode(STATE)),
        (run_key("b"), encode(MANIFEST)),
        (promotion_key("other"), encode(PROMOTED)),
        (b"policy/acme", encode(MANIFEST)),
        (None, encode(MANIFEST)),
    ],
)
def test_what_cannot_be_read_or_stands_under_another_key_changes_nothing(
    key: bytes | None, value: bytes | None
) -> None:
    runs = Runs()
    runs.apply(key, value)
    assert runs == Runs()


@pytest.mark.parametrize(
    ("name", "good"),
    [
        ("r-1.2_x", True),
        (LIVE, False),
        (f"{HUMAN}ada", False),
        ("", False),
        ("-a", False),
        ("a/b", False),
        ("a" * 65, False),
    ],
)
def test_a_name_is_no_path_and_nobody_elses(name: str, good: bool) -> None:
    assert is_name(name) is good
