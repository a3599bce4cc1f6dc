"""Submit the *simple* session step by step: create a trace, attach the workspace, send chunks, complete."""

import sys
import time

from clients.http import TelemetryClient
from clients.session import WORKSPACE, open_trace
from examples.options import failing_in_a_line, options
from examples.stories.simple_story import STORY


def main() -> None:
    """Print the trace's id on stdout; what to do next goes to stderr."""
    given = options(__doc__)
    session = STORY.session(started_at_s=time.time() - STORY.duration_s)
    with failing_in_a_line(), TelemetryClient(given.url, given.token) as client:
        trace = open_trace(client, session.trace)
        if session.workspace is not None:
            trace.attach(WORKSPACE, session.workspace, "workspace")
        for events in session.chunks:
            for receipt in trace.send(events):
                print(f"chunk {receipt.chunk_seq} is at {receipt.topic}:{receipt.offset}", file=sys.stderr)
        trace.complete()
    print(trace.trace_id)
    print(f"next: python examples/view_trace.py {trace.trace_id}", file=sys.stderr)


if __name__ == "__main__":
    main()
