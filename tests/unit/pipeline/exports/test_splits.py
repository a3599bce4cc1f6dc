"""No repository is in two splits, however it is written."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.exports.splits import NAMES, Splits, repository, shares_of

SAME = (
    "https://git.example.org/acme/calc.git",
    "https://git.example.org/acme/calc",
    "https://jane:x@git.example.org/acme/calc/",
    "git@git.example.org:acme/calc.git",
    "git.example.org:acme/calc",
    "ssh://git@git.example.org:2222/acme/Calc.git",
    "HTTPS://GIT.example.org/ACME/calc.git ",
)


@pytest.mark.parametrize("origin", SAME)
def test_one_repository_has_one_name(origin: str) -> None:
    assert repository(origin) == "git.example.org/acme/calc"


def test_others_have_others() -> None:
    others = {"https://git.example.org/acme/calc2", "https://git.example.org/eve/calc", "/srv/acme/calc", "calc", ""}
    assert len({repository(origin) for origin in (*others, SAME[0])}) == len(others) + 1


@given(
    st.integers(0, 2**32),
    st.from_regex(r"[A-Za-z0-9-]{1,20}", fullmatch=True),
    st.sampled_from(["90/5/5", "34/33/33", "0/0/100"]),
)
def test_a_repository_is_always_in_the_same_split(seed: int, origin: str, shares: str) -> None:
    splits = Splits(shares_of(shares), seed)
    ways = (
        f"https://git.example.org/{origin}",
        f"git@GIT.example.org:{origin}/",
        f"ssh://git.example.org/{origin}.git",
    )
    assert {splits.of(way) for way in ways} in [{name} for name in NAMES]


def test_the_shares_are_kept_and_the_seed_deals_otherwise() -> None:
    origins = [f"https://git.example.org/r/{number}" for number in range(4000)]
    dealt = [Splits((80, 15, 5), 1).of(origin) for origin in origins]
    assert [round(dealt.count(name) / len(origins), 2) for name in NAMES] == pytest.approx([0.8, 0.15, 0.05], abs=0.02)
    assert dealt != [Splits((80, 15, 5), 2).of(origin) for origin in origins]
    assert {Splits((100, 0, 0), 3).of(origin) for origin in origins} == {"train"}
    assert {Splits((0, 0, 100), 3).of(origin) for origin in origins} == {"test"}


@pytest.mark.parametrize("text", ["", "90", "90/10", "90/5/6", "110/-5/-5", "a/b/c", "90/5/5/0"])
def test_what_is_no_split_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match=r"90/5/5|add up to 100"):
        shares_of(text)
