"""The formats that are read, and the one function that reads any of them.

Every input ends in a Report or in BadReport, whose text says what is wrong and what to do; nothing else is raised.
"""

from __future__ import annotations

from collections.abc import Callable

from pipeline.reports.ctrf import parse_ctrf
from pipeline.reports.dart import parse_dart
from pipeline.reports.detect import detect
from pipeline.reports.gotest import parse_gotest
from pipeline.reports.jest import parse_jest
from pipeline.reports.junit import parse_junit
from pipeline.reports.mocha import parse_mocha
from pipeline.reports.model import BadReport, Report
from pipeline.reports.nunit import parse_nunit
from pipeline.reports.rspec import parse_rspec
from pipeline.reports.tap import parse_tap
from pipeline.reports.trx import parse_trx
from pipeline.reports.values import MAX_BYTES

PARSERS: dict[str, Callable[[bytes], Report]] = {
    "junit": parse_junit,
    "trx": parse_trx,
    "nunit": parse_nunit,
    "ctrf": parse_ctrf,
    "jest": parse_jest,
    "mocha": parse_mocha,
    "rspec": parse_rspec,
    "gotest": parse_gotest,
    "dart": parse_dart,
    "tap": parse_tap,
}
AUTO = "auto"


def parse(data: bytes, format: str = AUTO) -> Report:
    """The report in `data`, of the format named or found out. Raises BadReport; KeyError for an unknown format."""
    if len(data) > MAX_BYTES:
        raise BadReport(f"larger than {MAX_BYTES // 1024**2} MiB: split the run into several reports")
    return PARSERS[detect(data) if format == AUTO else format](data)
