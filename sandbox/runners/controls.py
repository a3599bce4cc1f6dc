"""Tests of our own, put between those of the tree: what must fail has to fail, whatever the code under test has done.

Names and numbers are new for each run, so that nothing but the framework itself tells them from other tests.
"""

from __future__ import annotations

import random
from collections.abc import Mapping

_NOUNS = ("total", "order", "price", "label", "token", "limit", "route", "batch", "field", "index", "user", "page")
_VERBS = ("adds", "keeps", "sorts", "parses", "merges", "counts", "splits", "updates", "rejects", "returns")

# {a} and {b} are numbers that differ
_CASES = {
    "self.assertEqual({a}, {b})": "failed",
    "self.assertTrue({a} == {b})": "failed",
    "with self.assertRaises(KeyError):\n            {{{a}: 1}}[{a}]": "failed",
    "raise ValueError({a})": "error",
    "self.assertEqual({a}, {a})": "passed",
    "with self.assertRaises(KeyError):\n            {{{a}: 1}}[{b}]": "passed",
    "self.skipTest('{a}')": "skipped",
}
_PYTEST_CASES = {
    "assert {a} == {b}": "failed",
    "assert len(str({a})) > {b}": "failed",
    "with pytest.raises(KeyError):\n        {{{a}: 1}}[{a}]": "failed",
    "raise ValueError({a})": "failed",
    "pytest.fail('{a}')": "failed",
    "assert {a} == {a}": "passed",
    "with pytest.raises(KeyError):\n        {{{a}: 1}}[{b}]": "passed",
    "pytest.skip('{a}')": "skipped",
}

_NODE_CASES = {
    "assert.strictEqual({a}, {b});": "failed",
    "assert.ok({a} === {b});": "failed",
    "assert.deepStrictEqual([{a}], [{b}]);": "failed",
    "assert.throws(() => {a});": "failed",
    "throw new Error('{a}');": "failed",
    "assert.strictEqual({a}, {a});": "passed",
    "assert.throws(() => {{ throw new Error('{b}'); }});": "passed",
}


def for_unittest(nonce: str) -> tuple[str, Mapping[str, str]]:
    """Source of a module with control tests, and the status that each must have, by name."""
    chance = random.Random(nonce)
    return _unittest_source(chance, _CASES)


def for_pytest(nonce: str) -> tuple[str, Mapping[str, str]]:
    """See for_unittest; functions and a TestCase. There an exception is a failure, too."""
    chance = random.Random(nonce)
    classes, expected = _unittest_source(
        chance, {body: status.replace("error", "failed") for body, status in _CASES.items()}
    )
    functions = _functions(chance, expected)
    return f"import pytest\n{classes}{functions}", expected


def for_node(nonce: str) -> tuple[str, Mapping[str, str]]:
    """Source of a module that loads the tests of `__FILE__` and adds control tests; the status of each, by name.

    The first of them passes where the file was loaded. `assert` is looked up when a control test runs, so that one
    which the code under test has replaced is used by them, too.
    """
    chance = random.Random(nonce)
    loaded = _name(chance, {})
    expected = {loaded: "passed"}
    lines = [
        "import assert from 'node:assert';\nimport { test } from 'node:test';\nlet loaded = false;\n"
        "try { await import(__FILE__); loaded = true; } catch (error) { console.error(error); }\n"
        f"test('{loaded}', () => {{ if (!loaded) process.exit(7); }});\n"
    ]
    for body, status in _shuffled(chance, _NODE_CASES):
        name = _name(chance, expected)
        lines.append(f"test('{name}', () => {{ {_filled(chance, body)} }});\n")
        expected[name] = status
    return "".join(lines), expected


def _unittest_source(chance: random.Random, cases: Mapping[str, str]) -> tuple[str, dict[str, str]]:
    lines = [
        f"import unittest\n\n\nclass Test{chance.choice(_NOUNS).title()}{chance.randrange(1000)}(unittest.TestCase):\n"
    ]
    expected: dict[str, str] = {}
    for body, status in _shuffled(chance, cases):
        name = _name(chance, expected)
        lines.append(f"    def {name}(self):\n        {_filled(chance, body)}\n\n")
        expected[name] = status
    return "".join(lines), expected


def _functions(chance: random.Random, expected: dict[str, str]) -> str:
    """Functions whose names are new in `expected`, and are added to it."""
    lines = ["\n"]
    for body, status in _shuffled(chance, _PYTEST_CASES):
        name = _name(chance, expected)
        lines.append(f"def {name}():\n    {_filled(chance, body)}\n\n\n")
        expected[name] = status
    return "".join(lines)


def _shuffled(chance: random.Random, cases: Mapping[str, str]) -> list[tuple[str, str]]:
    return chance.sample(list(cases.items()), len(cases))


def _filled(chance: random.Random, body: str) -> str:
    a, b = chance.sample(range(100, 10_000), 2)
    return body.format(a=a, b=b)


def _name(chance: random.Random, taken: Mapping[str, str]) -> str:
    while (name := f"test_{chance.choice(_NOUNS)}_{chance.choice(_VERBS)}_{chance.randrange(100)}") in taken:
        pass
    return name
