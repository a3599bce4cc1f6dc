"""The options that all example scripts share."""

import argparse
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from clients.problems import ApiProblem, ConnectionLost

# The variables that `pr-telemetry` reads, so that both talk to the same gateway.
URL = os.environ.get("GATEWAY_URL") or "http://127.0.0.1:8080"
TOKEN = os.environ.get("GATEWAY_TOKEN") or "dev_token_12345"


def options(purpose: str | None, *positional: str) -> argparse.Namespace:
    """The parsed command line: --url, --token and the `positional` arguments."""
    parser = argparse.ArgumentParser(description=purpose)
    parser.add_argument("--url", default=URL, help="address of the gateway (default: %(default)s)")
    parser.add_argument("--token", default=TOKEN, help="bearer token (default: %(default)s)")
    for name in positional:
        parser.add_argument(name)
    return parser.parse_args()


@contextmanager
def failing_in_a_line() -> Iterator[None]:
    """A refusal, or a gateway that is away, ends the script with one line and exit status 1."""
    try:
        yield
    except (ApiProblem, ConnectionLost) as error:
        sys.exit(str(error))
