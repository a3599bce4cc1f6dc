"""What is asked for becomes a manifest that says all of it, and names no trace for ever."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from judge.rescore.places import Found
from judge.rescore.plan import plan_of, unpack
from judge.rescore.request import BadRequest, Request, asked_in, chosen, manifest_of, request_of
from judge.rubric import Rubric
from pipeline.canonical import loads
from pipeline.objectstore import FolderStore
from pipeline.settings import JudgeSettings

FOUND = Found(plan_of([(0, 5), (2, 7), (0, 9)]), size=100, known=1)


def asked(**fields: Any) -> Request:
    return Request(judge="heuristic", run="r", by="cli/ada", **fields)


def test_a_manifest_holds_the_plan_the_rubric_and_the_judge(tmp_path: Path) -> None:
    request = asked(selection={"projects": ["acme"], "seed": 7}, cache=False, parallel=3)
    made = chosen(request, JudgeSettings(), FolderStore(tmp_path))
    manifest, packed = manifest_of(request, made, FOUND, {0: 11, 1: 0}, "r", 1_700_000_000_000_000)
    assert (manifest.run_id, manifest.project, manifest.seed, manifest.traces) == ("r", "acme", 7, 3)
    assert unpack(packed, manifest.plan_digest or "").bounds() == {"0": [5, 10], "2": [7, 8]}
    assert Rubric.model_validate_json(manifest.rubric).digest() == manifest.rubric_digest == made.rubric.digest()
    assert (loads(manifest.judge), manifest.judge_digest) == ({"kind": "heuristic"}, made.judge.digest)
    held = asked_in(manifest)
    assert (held.results_from, held.cache, held.parallel, held.budget_nano, held.known) == (
        {0: 11, 1: 0},
        False,
        3,
        None,
        1,
    )
    assert loads(manifest.selection)["asked"] == {"projects": ["acme"], "seed": 7}


def test_traces_that_are_named_are_counted_and_several_projects_are_a_star(tmp_path: Path) -> None:
    name = "trace-" + "0" * 32
    request = asked(selection={"trace_ids": [name], "projects": ["a", "b"]})
    manifest, _ = manifest_of(request, chosen(request, JudgeSettings(), FolderStore(tmp_path)), FOUND, {}, "r", 1)
    assert manifest.project == "*"
    assert name.encode() not in manifest.selection
    assert loads(manifest.selection)["asked"]["traces_named"] == 1


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"judge": "oracle"}, "no judge is named 'oracle'"),
        ({"judge": "openai:m", "budget_nano": 5}, "JUDGE_PRICE_IN"),
        ({"rubric": "no-such-rubric"}, "no rubric is named no-such-rubric"),
    ],
)
def test_what_cannot_be_is_said(fields: dict[str, Any], said: str, tmp_path: Path) -> None:
    with pytest.raises(BadRequest, match=said):
        chosen(Request(**fields), JudgeSettings(), FolderStore(tmp_path))


def test_a_request_with_unknown_members_is_none() -> None:
    with pytest.raises(BadRequest, match="no request"):
        request_of('{"selectoin": {}}')
