"""Fetch a trace and print it: what happened, whether it is intact, whether the bug is fixed, how it was graded."""

from rich.console import Console

from clients.http import TelemetryClient
from clients.view import print_trace
from examples.options import failing_in_a_line, options


def main() -> None:
    """Print the trace, or that nothing of it can be queried yet."""
    given = options(__doc__, "trace_id")
    with failing_in_a_line(), TelemetryClient(given.url, given.token) as client:
        document = client.get(given.trace_id)
    if document is None:
        print(f"{given.trace_id} has arrived; its results are still being worked out")
    else:
        print_trace(document, Console())


if __name__ == "__main__":
    main()
