"""`python -m benchmarks.freshness`: from `complete` acknowledged to the trace's row queryable, over small traces.

One trace at a time and then several at once; the clock stops when `v1_traces` answers with the row. Goal: p95 <= 2 s.
"""

import argparse
import statistics
import time
from concurrent.futures import ThreadPoolExecutor

from benchmarks.stack import Stack, own_stack
from benchmarks.traffic import small_session
from clients.session import submit

LOOK_S = 0.02
PATIENCE_S = 60.0


def queryable_after_s(stack: Stack, number: int) -> float:
    """Submit one small trace; seconds from the answer of `complete` until its row is there."""
    clickhouse = stack.clickhouse()
    with stack.client() as client:
        trace_id = submit(client, small_session(number)).trace_id
    began = time.monotonic()
    query = "SELECT count() AS n FROM v1_traces WHERE trace_id = {id:String} AND revision >= 1"
    while not clickhouse.rows(query, {"id": trace_id})[0]["n"]:
        if time.monotonic() - began > PATIENCE_S:
            raise TimeoutError(f"{trace_id} is not queryable after {PATIENCE_S} s")
        time.sleep(LOOK_S)
    clickhouse.close()
    return time.monotonic() - began


def _report(name: str, seconds: list[float]) -> None:
    cuts = statistics.quantiles(seconds, n=100, method="inclusive")
    print(
        f"{name:<12} n={len(seconds)}  p50 {cuts[49]:.2f} s  p95 {cuts[94]:.2f} s  p99 {cuts[98]:.2f} s"
        f"  max {max(seconds):.2f} s"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--traces", type=int, default=100)
    parser.add_argument("--at-once", type=int, default=4)
    args = parser.parse_args()
    with own_stack() as stack:
        one = [queryable_after_s(stack, n) for n in range(args.traces)]
        with ThreadPoolExecutor(args.at_once) as pool:
            several = list(pool.map(lambda n: queryable_after_s(stack, args.traces + n), range(args.traces)))
    _report("one by one", one)
    _report(f"{args.at_once} at once", several)


if __name__ == "__main__":
    main()
