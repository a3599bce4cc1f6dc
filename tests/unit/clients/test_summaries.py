"""Which commands count as test runs, and what their output says."""

import pytest

from clients.importers.summaries import Totals, totals_of


@pytest.mark.parametrize(
    ("command", "output", "totals"),
    [
        ("python -m pytest -q", "...\n3 passed in 0.02s", Totals("pytest", 3)),
        (
            "cd /testbed && pytest tests | tail",
            "== 319 passed, 57 skipped, 1093 deselected, 3 xfailed, 1 xpassed in 3.79s ==",
            Totals("pytest", 320, 0, 60),
        ),
        ("python3 -m pytest", "=== 2 warnings, 1 error in 0.06s ===", Totals("pytest", errors=1)),
        ("tox -e py311", "= 1 failed, 18 passed, 2 errors in 61.05s (0:01:01) =", Totals("pytest", 18, 1, 0, 2)),
        ("A=1 python -m unittest t", "Ran 1 test in 0.000s\n\nFAILED (errors=1)\n", Totals("unittest", errors=1)),
        (
            "python -m unittest",
            "Ran 5 tests in 0.1s\n\nOK (skipped=1, expected failures=1)",
            Totals("unittest", 3, 0, 2),
        ),
        ("./manage.py test", "Ran 4 tests in 2.0s\n\nFAILED (failures=1)\n", Totals("unittest", 3, 1)),
    ],
)
def test_totals_are_read_from_the_summary(command: str, output: str, totals: Totals) -> None:
    assert totals_of(command, output) == totals


@pytest.mark.parametrize(
    ("command", "output"),
    [
        ("pip install pytest -q", "3 passed in 0.02s"),
        ("grep -n x tests/unittest_nodes.py", "3 passed in 0.02s"),
        ("python -m pytest", "No module named pytest"),
        ("python -m pytest | head -3", "collected 3 items"),
        ("pytest", "=== no tests ran in 0.15s ==="),
        ("pytest -k x", "=== 36 deselected, 2 warnings in 0.01s ==="),
    ],
)
def test_no_runner_no_summary_or_no_test_is_no_test_run(command: str, output: str) -> None:
    assert totals_of(command, output) is None
