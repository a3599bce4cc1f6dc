"""A status stream says what changes, shows that it lives, outlives an outage and has an end. On a clock of its own."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import pytest

from ingest_gateway.admission import OpenStreams
from ingest_gateway.problems import OVERLOADED, STORE_UNAVAILABLE, Problem
from ingest_gateway.progress import HEARTBEAT_S, LOOK_S, Tempo, follow
from ingest_gateway.stages import HEARTBEAT, status_of

TRACE_ID = "trace-" + "0" * 32
RECEIVED = status_of(TRACE_ID, {}, None)
ASSEMBLED = status_of(TRACE_ID, None, {"stage": "assembled", "revision": 1})
DONE = status_of(TRACE_ID, None, {"stage": "done", "revision": 1})
AWAY = Problem(STORE_UNAVAILABLE, "traces cannot be read now")
Look = dict[str, Any] | Problem | None


async def told(first: Look, looks: Iterable[Look], longest_s: float = 300.0) -> list[tuple[float, bytes]]:
    """(seconds, event) of a stream whose looks show these in turn, and the last one for ever."""
    now, left, last = 0.0, iter(looks), first

    async def sleep(seconds: float) -> None:
        nonlocal now
        now += seconds

    async def look() -> dict[str, Any] | None:
        nonlocal last
        last = next(left, last)
        if isinstance(last, Problem):
            raise last
        return last

    assert not isinstance(first, Problem)
    tempo = Tempo(longest_s, lambda: now, sleep)
    return [(now, said) async for said in follow(TRACE_ID, first, look, tempo)]


def names(events: list[tuple[float, bytes]]) -> list[str]:
    said = [event.decode().splitlines() for _, event in events if event != HEARTBEAT]
    return [json.loads(lines[2].removeprefix("data: ")).get("stage", lines[0]) for lines in said]


async def test_each_change_is_said_once_and_the_end_last() -> None:
    events = await told(None, [RECEIVED, RECEIVED, ASSEMBLED, DONE])
    assert names(events) == ["received", "assembled", "done", "event: end"]
    assert b'"done":true' in events[-1][1]
    assert [at for at, _ in events] == [1 * LOOK_S, 3 * LOOK_S, 4 * LOOK_S, 4 * LOOK_S]


async def test_who_comes_back_to_a_finished_trace_gets_all_at_once() -> None:
    assert names(await told(DONE, [])) == ["done", "event: end"]


async def test_silence_is_broken_by_heartbeats() -> None:
    events = await told(RECEIVED, [], longest_s=2.5 * HEARTBEAT_S)
    assert [at for at, said in events if said == HEARTBEAT] == [HEARTBEAT_S, 2 * HEARTBEAT_S]
    assert HEARTBEAT.startswith(b":")
    assert HEARTBEAT.endswith(b"\n\n")


async def test_what_was_said_puts_the_heartbeat_off() -> None:
    events = await told(RECEIVED, [RECEIVED] * 9 + [ASSEMBLED], longest_s=30.0)
    assert [at for at, said in events if said == HEARTBEAT] == [10 * LOOK_S + HEARTBEAT_S]


async def test_the_time_is_over_before_the_trace_is_done() -> None:
    events = await told(ASSEMBLED, [], longest_s=3.0)
    assert names(events) == ["assembled", "event: end"]
    assert b'"done":false' in events[-1][1]
    assert events[-1][0] == 3.0


@pytest.mark.parametrize("gone", [None, AWAY])
async def test_a_stream_outlives_an_outage(gone: Look) -> None:
    assert names(await told(RECEIVED, [gone, gone, DONE])) == ["received", "done", "event: end"]


def test_places_are_few_and_come_back() -> None:
    streams = OpenStreams(2)
    streams.take()
    streams.take()
    with pytest.raises(Problem) as refused:
        streams.take()
    assert (refused.value.kind, refused.value.retry_after_s, streams.open) == (OVERLOADED, 5, 2)
    streams.release()
    streams.take()
