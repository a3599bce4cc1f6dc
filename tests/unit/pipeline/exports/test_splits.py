"""No repository is in two splits, however it is written."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.exports.splits import NAMES, Splits, family, related, repository, shares_of

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


FORKS = (
    *SAME,
    "https://git.example.org/eve/calc",
    "git@mirror.example.net:7/calc.git",
    "/srv/mirrors/calc.git",
    "C:\\work\\calc",
    "calc",
)


@pytest.mark.parametrize("seed", range(20))
def test_a_fork_is_where_its_origin_is(seed: int) -> None:
    assert len({Splits((34, 33, 33), seed).of(origin) for origin in FORKS}) == 1


def test_what_shares_a_start_commit_is_one_family() -> None:
    groups = [["h/a/calc", "h/b/sums"], ["h/c/sums", "h/d/adder", "h/e/adder"], ["h/f/other", "h/g/other"]]
    assert related(groups) == {"calc": "adder", "sums": "adder", "adder": "adder"}
    assert related([["h/x/1", "h/x/2"], ["h/x/2", "h/x/0"], ["h/x/3", "h/x/1"]]) == dict.fromkeys("0123", "0")
    assert related([]) == {}


@given(st.lists(st.lists(st.sampled_from("abcdefgh"), max_size=4), max_size=8))
def test_families_are_the_connected_ones(groups: list[list[str]]) -> None:
    found = related(groups)
    for group in groups:
        assert len({found.get(name, name) for name in group}) <= 1
    for name, first in found.items():
        reached, before = {name}, set[str]()
        while reached != before:
            before = reached
            reached = reached.union(*(group for group in groups if reached & set(group)))
        assert first in reached


@given(st.text(max_size=30))
def test_the_family_of_a_family_is_itself(origin: str) -> None:
    assert family(family(origin)) == family(origin)


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
