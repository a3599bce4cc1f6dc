"""`python -m benchmarks.floor`: the least that must hold, measured on this machine with client and server together.

100 traces open at once; milliseconds per accepted event; events per second; seconds until validated and judged.
"""

import argparse
import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from benchmarks.stack import Stack, own_stack
from benchmarks.traffic import small_events, small_session
from clients.session import open_trace, wait_for

ROUNDS = 20


def _wide_chunk(number: int, round_: int) -> list[dict[str, Any]]:
    """Fifty events that continue the trace after `round_` such chunks."""
    template = [event for _ in range(5) for event in small_events(number)]
    first = round_ * len(template)
    return [{**event, "id": f"evt-{first + n}", "seq": first + n} for n, event in enumerate(template)]


def ingest(stack: Stack, number: int) -> tuple[str, list[float], int]:
    """One trace of ROUNDS chunks of 50 events. Returns its id, seconds per chunk, events sent."""
    with stack.client() as client:
        upload = open_trace(client, small_session(number).trace)
        seconds = []
        for round_ in range(ROUNDS):
            events = _wide_chunk(number, round_)
            began = time.perf_counter()
            upload.send(events)
            seconds.append(time.perf_counter() - began)
        upload.complete()
        return upload.trace_id, seconds, upload.events_sent


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--traces", type=int, default=100)
    args = parser.parse_args()
    with own_stack() as stack:
        began = time.perf_counter()
        with ThreadPoolExecutor(args.traces) as pool:
            answers = list(pool.map(lambda n: ingest(stack, n), range(args.traces)))
        took = time.perf_counter() - began
        with stack.client() as client:
            for trace_id, _, _ in answers:
                wait_for(client, trace_id)
        judged = time.perf_counter() - began
    chunks = [seconds for _, per_chunk, _ in answers for seconds in per_chunk]
    events = sum(sent for _, _, sent in answers)
    cuts = statistics.quantiles(chunks, n=100, method="inclusive")
    per_event = 1000 * len(chunks) / events
    print(f"{args.traces} traces at once, {events} events in {took:.1f} s: {events / took:,.0f} events/s accepted")
    print(f"per chunk of 50: p50 {1000 * cuts[49]:.0f} ms, p95 {1000 * cuts[94]:.0f} ms")
    print(f"per event: p95 {cuts[94] * per_event:.1f} ms")
    print(f"all validated and judged {judged:.1f} s after the first event was sent")


if __name__ == "__main__":
    main()
