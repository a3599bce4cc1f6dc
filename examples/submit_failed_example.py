"""Submit the *failed* session in one call."""

import sys
import time

from clients.http import TelemetryClient
from clients.session import submit
from examples.options import failing_in_a_line, options
from examples.stories.failed_story import STORY


def main() -> None:
    """Print the trace's id on stdout; what to do next goes to stderr."""
    given = options(__doc__)
    with failing_in_a_line(), TelemetryClient(given.url, given.token) as client:
        submitted = submit(client, STORY.session(started_at_s=time.time() - STORY.duration_s))
    print(submitted.trace_id)
    print(f"next: python examples/view_trace.py {submitted.trace_id}", file=sys.stderr)


if __name__ == "__main__":
    main()
