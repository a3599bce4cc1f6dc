"""A valid trace context goes on with the records; any other is as if none had come."""

import pytest

from ingest_gateway.tracecontext import log_headers

PARENT = f"00-{'ab' * 16}-{'cd' * 8}-01"


def test_a_valid_context_is_passed_on() -> None:
    assert log_headers(PARENT, "vendor=1") == (("traceparent", PARENT.encode()), ("tracestate", b"vendor=1"))
    assert log_headers(f" {PARENT} ") == (("traceparent", PARENT.encode()),)


@pytest.mark.parametrize("state", ["", "x" * 513, "\u00e9"])
def test_an_unfit_state_is_left_out(state: str) -> None:
    assert log_headers(PARENT, state) == (("traceparent", PARENT.encode()),)


@pytest.mark.parametrize(
    "parent",
    [
        None,
        "",
        PARENT.upper(),
        PARENT + "-x",
        f"ff-{'ab' * 16}-{'cd' * 8}-01",
        f"00-{'0' * 32}-{'cd' * 8}-01",
        f"00-{'ab' * 16}-{'0' * 16}-01",
    ],
)
def test_a_malformed_context_is_ignored_with_its_state(parent: str | None) -> None:
    assert log_headers(parent, "vendor=1") == ()
