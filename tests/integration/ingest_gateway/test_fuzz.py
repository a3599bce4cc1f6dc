"""Any bytes as a chunk: never a 5xx, each refusal a problem, and what was refused is not in the log."""

from __future__ import annotations

import asyncio
import gzip
import re
from collections.abc import Callable
from typing import Any, TypeVar
from urllib.parse import quote

import httpx2
import orjson
import pytest
import zstandard
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from ingest_gateway.answers import ProblemAnswer, Receipt
from tests.integration.ingest_gateway.conftest import Front, chunk, note

T = TypeVar("T")
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


# Tokens as texts, since a generator of JSON would never write them: number by number, escape by escape.
DIGITS = st.text("0123456789", min_size=1, max_size=30)
NUMBERS = st.builds(
    "{}{}{}{}".format,
    st.sampled_from(["", "-", "+", "0"]),
    DIGITS,
    st.just("") | DIGITS.map(".{}".format),
    st.just("") | st.builds("{}{}{}".format, st.sampled_from("eE"), st.sampled_from(["", "-", "+"]), DIGITS),
)
ESCAPES = st.sampled_from(["\\u", "\\ud83d", "\\ude00", "\\udfff", "\\u0000", "\\x41", "\\/", "\\", "\t", "\x7f"])
STRINGS = st.lists(ESCAPES | st.text(max_size=3).map(lambda text: text.replace('"', ""))).map(
    lambda parts: '"' + "".join(parts) + '"'
)
NESTED = st.builds(
    lambda depth, pair, inner: pair[0] * depth + inner + pair[1] * depth,
    st.sampled_from([1, 60, 64, 65, 128, 200, 255, 256, 1000, 20_000]),
    st.sampled_from([("[", "]"), ('{"a":', "}"), ('[{"":', "}]"), ("[", "")]),
    NUMBERS | STRINGS | st.just(""),
)
TOKENS = NUMBERS | STRINGS | NESTED
PACKERS: dict[str, Callable[[bytes], bytes]] = {"gzip": gzip.compress, "zstd": zstandard.compress}


@st.composite
def tokens(draw: st.DrawFn) -> bytes:
    """A valid body with one of its values written as another token, or with a token as a further member."""
    text = orjson.dumps(draw(st.sampled_from(VALID))).decode()
    token = draw(TOKENS)
    if draw(st.booleans()):
        return text.replace("{", "{" + draw(STRINGS) + ":" + token + ",", 1).encode("utf-8", "surrogatepass")
    places = [match.span(1) for match in re.finditer(r':("[^"]*"|[0-9.-]+|\[\])', text)]
    begin, end = draw(st.sampled_from(places))
    return (text[:begin] + token + text[end:]).encode("utf-8", "surrogatepass")


@st.composite
def compressed(draw: st.DrawFn) -> tuple[str, bytes]:
    """A valid body in one of the encodings, cut, doubled or with bytes of it replaced."""
    encoding = draw(st.sampled_from(sorted(PACKERS)))
    content = PACKERS[encoding](orjson.dumps(draw(st.sampled_from(VALID))))
    begin = draw(st.integers(0, len(content)))
    piece = draw(st.binary(max_size=8) | st.just(content))
    return encoding, content[:begin] + piece + content[begin + draw(st.integers(0, 8)) :]


def drawn(strategy: st.SearchStrategy[T]) -> list[T]:
    """What hypothesis makes of a strategy, the same each time."""
    found: list[T] = []

    def keep(content: T) -> None:
        found.append(content)

    BOUNDED(given(strategy)(keep))()
    return found


@pytest.mark.parametrize("query", ["", "?on_invalid=reject-events"])
@pytest.mark.parametrize(
    "strategy",
    [mutated(), misshapen(), tokens(), NASTY.map(orjson.dumps), st.binary(max_size=100)],
    ids=["bytes", "members", "tokens", "any", "noise"],
)
async def test_no_body_breaks_the_gateway(front: Front, strategy: st.SearchStrategy[bytes], query: str) -> None:
    trace = await front.open()
    end, taken = await front.ends(), 0
    sent = drawn(strategy)
    for begin in range(0, len(sent), TOGETHER):
        some = sent[begin : begin + TOGETHER]
        answers = await asyncio.gather(*[front.ingest(trace, content, query) for content in some])
        taken += sum(map(verdict, some, answers))
    assert await front.ends() == end + taken
    assert front.gateway.body_limits.in_flight.held == 0


async def test_no_compressed_body_breaks_the_gateway(front: Front) -> None:
    trace = await front.open()
    end, taken = await front.ends(), 0
    for encoding, content in drawn(compressed()):
        taken += verdict(content, await front.ingest(trace, content, **{"Content-Encoding": encoding}))
    assert await front.ends() == end + taken
    assert front.gateway.body_limits.in_flight.held == 0


HEADERS = st.dictionaries(
    st.sampled_from(
        ["Idempotency-Key", "Content-Type", "Content-Encoding", "traceparent", "tracestate", "Authorization"]
    ),
    st.text(st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f"), max_size=300)
    | st.sampled_from(["application/json; charset=utf-16", "gzip, zstd", "00-" + "0" * 32 + "-" + "0" * 16 + "-01"]),
    max_size=4,
)
QUERIES = st.text(max_size=20).map(lambda text: "?on_invalid=" + quote(text)) | st.sampled_from(
    ["?", "?&&=", "?on_invalid"]
)


async def test_no_header_or_query_breaks_the_gateway(front: Front) -> None:
    trace = await front.open()
    end, taken = await front.ends(), 0
    for number, (headers, query) in enumerate(drawn(st.tuples(HEADERS, QUERIES | st.just("")))):
        added: dict[str, Any] = {name: value.strip().encode("latin-1") for name, value in headers.items()}
        content = orjson.dumps(chunk(number))
        taken += verdict(content, await front.ingest(trace, content, query, **added))
    assert await front.ends() == end + taken


def verdict(content: bytes, answer: httpx2.Response) -> int:
    """How many records the body should have left in the log."""
    if answer.status_code in {200, 201}:
        Receipt.model_validate_json(answer.content)
        return int(answer.status_code == 201)
    assert 400 <= answer.status_code < 500, (content, answer.text)
    assert answer.headers["content-type"] == "application/problem+json"
    assert ProblemAnswer.model_validate_json(answer.content).status == answer.status_code
    return 0
