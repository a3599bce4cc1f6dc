"""Any bytes as a chunk: never a 5xx, each refusal a problem, and what was refused is not in the log."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx2
import orjson
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from ingest_gateway.answers import ProblemAnswer, Receipt
from tests.integration.ingest_gateway.conftest import Front, chunk, note

pytestmark = pytest.mark.integration
BODIES = 250
TOGETHER = 8  # fewer than the uploads of one trace that may be open
BOUNDED = settings(
    max_examples=BODIES,
    deadline=None,
    database=None,
    derandomize=True,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=list(HealthCheck),
)
VALID = [
    chunk(0),
    chunk(
        1, note(0), {"id": "f", "seq": 1, "ts_client_us": 7, "type": "file_edit", "file_path": "a", "diff_unified": ""}
    ),
    chunk(2, {"id": "c", "seq": 0, "ts_client_s": 1e3, "type": "cmd_run", "command": "ls", "exit_code": -1}),
    chunk(3, {"id": "t", "seq": 0, "ts_client_s": 0, "type": "test_run", "framework": "pytest", "results": []}),
]
# Tokens that JSON parsers disagree on, written where a valid body had something else.
SPLICES = [
    b"\x00",
    b"\xff\xfe",
    b"\xed\xa0\x80",
    b"\\ud800",
    b"NaN",
    b"-0",
    b"1e999",
    b"9" * 400,
    b"[" * 400,
    b'"',
    b"}",
]
NASTY_TEXT = st.text(max_size=40) | st.sampled_from(["\x00", "\ufeff", "\u202e", "😀" * 20, "__proto__", "seq", "/~"])
NASTY = st.recursive(
    st.none()
    | st.booleans()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from([0, -1, 2**53, 2**63, 2**64 - 1, 1e308, 5e-324, -0.0])
    | NASTY_TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NASTY_TEXT, inner, max_size=3),
    max_leaves=6,
)


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A valid body with up to four runs of its bytes cut, doubled or replaced."""
    content = orjson.dumps(draw(st.sampled_from(VALID)))
    for _ in range(draw(st.integers(1, 4))):
        begin = draw(st.integers(0, len(content)))
        end = min(len(content), begin + draw(st.integers(0, 12)))
        piece = draw(st.binary(max_size=4) | st.sampled_from(SPLICES) | st.just(content[begin:end] * 2))
        content = content[:begin] + piece + content[end:]
    return content


@st.composite
def misshapen(draw: st.DrawFn) -> bytes:
    """A valid body with one member, of the chunk or of an event, replaced or added by any JSON value."""
    body: dict[str, Any] = orjson.loads(orjson.dumps(draw(st.sampled_from(VALID))))
    target = draw(st.sampled_from([body, *body["events"]]))
    target[draw(st.sampled_from(sorted(target)) | NASTY_TEXT)] = draw(NASTY)
    return orjson.dumps(body)


def bodies(strategy: st.SearchStrategy[bytes]) -> list[bytes]:
    """What hypothesis makes of a strategy, the same each time."""
    found: list[bytes] = []

    def keep(content: bytes) -> None:
        found.append(content)

    BOUNDED(given(strategy)(keep))()
    return found


@pytest.mark.parametrize("query", ["", "?on_invalid=reject-events"])
@pytest.mark.parametrize("strategy", [mutated(), misshapen(), NASTY.map(orjson.dumps)], ids=["bytes", "members", "any"])
async def test_no_body_breaks_the_gateway(front: Front, strategy: st.SearchStrategy[bytes], query: str) -> None:
    trace = await front.open()
    end, taken = await front.ends(), 0
    sent = bodies(strategy)
    for begin in range(0, len(sent), TOGETHER):
        some = sent[begin : begin + TOGETHER]
        answers = await asyncio.gather(*[front.ingest(trace, content, query) for content in some])
        taken += sum(map(verdict, some, answers))
    assert await front.ends() == end + taken
    assert front.gateway.body_limits.in_flight.held == 0


def verdict(content: bytes, answer: httpx2.Response) -> int:
    """How many records the body should have left in the log."""
    if answer.status_code in {200, 201}:
        Receipt.model_validate_json(answer.content)
        return int(answer.status_code == 201)
    assert 400 <= answer.status_code < 500, (content, answer.text)
    assert answer.headers["content-type"] == "application/problem+json"
    assert ProblemAnswer.model_validate_json(answer.content).status == answer.status_code
    return 0
