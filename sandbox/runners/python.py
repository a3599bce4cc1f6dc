"""The runners of Python's test frameworks."""

from __future__ import annotations

from sandbox.reports import Results, parse_junit
from sandbox.runners.runner import Plan, Runner
from sandbox.spec import HOME, WORK, Statuses

# pytest is imported before the tree under test is put on the path, so that no module of that tree can stand in for it;
# then the path is what `python -m pytest` gives, and `src` for the usual layout without an installation.
_LAUNCH = f"""
import os, sys, pytest
out = os.dup(1)
os.dup2(2, 1)
report = sys.argv.pop()
sys.path[:0] = ['{WORK}', '{WORK}/src']
status = pytest.main([*sys.argv[1:], '--junitxml=' + report])
with open(report, 'rb') as made, open(out, 'wb') as answer:
    answer.write(made.read())
sys.exit(status)
"""
_OPTIONS = ("-q", "--color=no", "--tb=short", "-p", "no:cacheprovider", "--continue-on-collection-errors")


def _pytest(plan: Plan) -> tuple[str, ...]:
    report = f"/tmp/report-{plan.nonce}.xml"
    return ("python3", "-P", "-c", _LAUNCH, *_OPTIONS, "-o", "junit_family=xunit1", *plan.selection, report)


def _parse(report: bytes, _: Plan) -> Results:
    return parse_junit(report)


PYTEST = Runner(
    name="pytest",
    image="python",
    markers=(),
    environment={
        "HOME": HOME,
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "LANG": "C.UTF-8",
        "TZ": "UTC",
        "PYTHONHASHSEED": "0",
        "PYTHONDONTWRITEBYTECODE": "1",
        # a *.dist-info folder in the tree would otherwise load itself into the runner as a plugin
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
    },
    command=_pytest,
    parse=_parse,
    statuses=Statuses(no_tests=5, stopped=frozenset({2, 3, 4})),
)
