"""Python's cycle collector in services whose objects nearly all go without it."""

import gc

YOUNG_OBJECTS = 20_000


def spare_the_collector() -> None:
    """Look for cycles seldom, and never again among what is there by now: to be called once, before the work begins.

    By default it looks after every 700 new objects, and now and then at all of them. At 10 events a chunk that was a
    tenth of the gateway's time, measured with perf; of the sink's, which holds blocks of many thousand rows, a quarter
    (19 us of the client's processor time a row instead of 14, `python -m benchmarks.sink`).
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS, 20, 20)
