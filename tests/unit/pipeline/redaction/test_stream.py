"""A stream, however cut, becomes what the whole becomes, and is never held for long."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.redaction import stream
from pipeline.redaction.engine import redact
from pipeline.redaction.rules import personal_rules, rules
from pipeline.redaction.stream import LONGEST, StreamRedactor

KEY = b"key of the tests"
TOKEN = b"gh" + b"p_16C7e42F292c6912E7710c838347Ae178B4a"
BEGIN = b"-----BEGIN PRIV" + b"ATE KEY-----\n"
FILLING = ["\n", "\\\n", "token: key = ", "é", "x" * 150, "a b c " * 40, "plain text\n", "'"]
PIECES = st.lists(st.sampled_from([*FILLING, *(rule.example for rule in rules())]), min_size=3, max_size=14)
# A command line is taken as one, however long; of one longer than OVERLAP the rest is read alone.
ONE_LINERS = [
    "plain",
    "token: key =",
    *(rule.example for rule in rules() if rule.id not in ("curl-user", "private-key")),
]


def streamed(data: bytes, cuts: list[int]) -> tuple[bytes, Counter[str]]:
    counts: Counter[str] = Counter()
    redactor, out, position = StreamRedactor(KEY, counts, personal_rules()), b"", 0
    while position < len(data):
        size = cuts[position % len(cuts)]
        out += redactor.feed(data[position : position + size])
        position += size
    return out + redactor.close(), counts


def whole(data: bytes) -> tuple[bytes, Counter[str]]:
    counts: Counter[str] = Counter()
    return redact(data, KEY, counts, personal_rules()), counts


@pytest.fixture(scope="module", autouse=True)
def small_blocks() -> object:
    with pytest.MonkeyPatch.context() as patch:
        for name, size in {"BLOCK": 200, "LONGEST": 4096, "OVERLAP": 1500}.items():
            patch.setattr(stream, name, size)
        yield


@settings(max_examples=300)
@given(PIECES, st.lists(st.integers(1, 900), min_size=1, max_size=5))
def test_a_stream_becomes_what_the_whole_becomes(pieces: list[str], cuts: list[int]) -> None:
    data = "".join(pieces).encode()
    assert streamed(data, cuts) == whole(data)


def test_a_secret_anywhere_in_an_endless_line_goes() -> None:
    data = b"word %s, " % TOKEN * 1000
    clean, counts = streamed(data, [777])
    assert (clean, counts) == whole(data)
    assert counts == {"github-token": 1000}


@settings(max_examples=50)
@given(st.lists(st.sampled_from(ONE_LINERS), min_size=60, max_size=200), st.integers(1, 5000))
def test_endless_lines_of_any_kind_become_what_the_whole_becomes(pieces: list[str], size: int) -> None:
    data = " ".join(pieces).encode()
    assert streamed(data, [size]) == whole(data)


def test_of_a_secret_longer_than_is_held_nothing_stays() -> None:
    clean, _ = streamed(
        BEGIN + b"MIIEpAIBAAKCAQEA1c7+9z5Pad7OejecsQ0bu3aZx81vQ0pLm3nB7cK9dRt\n" * 300 + b"{rest}", [512]
    )
    assert b"MIIE" not in clean
    assert clean.endswith(b"{rest}")


@pytest.mark.parametrize("line", [b"plain text\n", b"word ", BEGIN, b"curl \\\n", b"M" * 30])
def test_it_holds_no_more_than_the_longest(line: bytes) -> None:
    redactor, fed, left = StreamRedactor(KEY, Counter()), 0, 0
    for _ in range(3 * stream.LONGEST // len(line)):
        left += len(redactor.feed(line))
        fed += len(line)
    assert left > 0
    assert len(redactor._rest) <= stream.LONGEST + len(line) < LONGEST


def test_bytes_that_are_no_text_stay() -> None:
    data = bytes(range(256)) * 40
    assert streamed(data, [100]) == (data, Counter())
