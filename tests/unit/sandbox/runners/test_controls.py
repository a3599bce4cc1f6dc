"""The control tests are told apart by their names, whatever secret they are made from."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

import pytest

from sandbox.runners.controls import for_pytest, for_unittest


@pytest.mark.parametrize("controls", [for_pytest, for_unittest])
def test_no_two_control_tests_have_one_name(controls: Callable[[str], tuple[str, Mapping[str, str]]]) -> None:
    for nonce in map(str, range(2000)):
        source, expected = controls(nonce)
        named = re.findall(r"^ *def (\w+)\(", source, re.MULTILINE)
        assert len(named) == len(set(named)), nonce
        assert set(named) == set(expected)
