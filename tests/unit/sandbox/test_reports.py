"""A report is read into one status per test, or refused."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from sandbox.reports import BadReport, parse_junit

TESTS = """
import pytest

class TestGroup:
    @pytest.mark.parametrize("text", ["x.y", "a::b"])
    def test_parameter(self, text): pass

@pytest.fixture
def broken():
    yield
    raise OSError

def test_broken_afterwards(broken): pass
def test_fails_and_breaks(broken): assert 0
def test_fails(): assert 0
@pytest.mark.xfail
def test_expected(): assert 0
@pytest.mark.skip
def test_skipped(): pass
"""


def test_a_real_report_of_pytest_is_read(tmp_path: Path) -> None:
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests/test_all.py").write_text(TESTS)
    (tmp_path / "tests/test_unloadable.py").write_text("import not_there\n")
    options = ["-p", "no:cacheprovider", "-o", "junit_family=xunit1", "--continue-on-collection-errors"]
    command = [sys.executable, "-m", "pytest", *options, "--junitxml=report.xml"]
    subprocess.run(command, cwd=tmp_path, capture_output=True, check=False, timeout=60)
    assert parse_junit((tmp_path / "report.xml").read_bytes()) == {
        "tests/test_unloadable.py": "error",
        "tests/test_all.py::TestGroup::test_parameter[x.y]": "passed",
        "tests/test_all.py::TestGroup::test_parameter[a::b]": "passed",
        "tests/test_all.py::test_broken_afterwards": "error",
        "tests/test_all.py::test_fails_and_breaks": "error",
        "tests/test_all.py::test_fails": "failed",
        "tests/test_all.py::test_expected": "skipped",
        "tests/test_all.py::test_skipped": "skipped",
    }


def test_what_is_no_report_is_refused() -> None:
    with pytest.raises(BadReport, match="not well-formed"):
        parse_junit(b"<testsuites><testsuite name='x'>")
