"""The caller's W3C trace context, carried on in the headers of what the request writes to the log. Pure.

https://www.w3.org/TR/trace-context/: a `traceparent` that is malformed is ignored, and `tracestate` with it.
"""

import re

TRACEPARENT = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
LONGEST_STATE = 512


def log_headers(traceparent: str | None, tracestate: str | None = None) -> tuple[tuple[str, bytes], ...]:
    """Record headers for these request headers; none where there is no valid `traceparent`."""
    if traceparent is None or not TRACEPARENT.fullmatch(traceparent.strip()):
        return ()
    headers = (("traceparent", traceparent.strip().encode()),)
    if tracestate is None or not tracestate.isascii() or not 0 < len(tracestate) <= LONGEST_STATE:
        return headers
    return (*headers, ("tracestate", tracestate.encode()))
