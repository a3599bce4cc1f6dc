"""A run over stored traces on the real broker and engine: planned, worked off, held, gone on with."""

from __future__ import annotations

import asyncio
import random
import subprocess
from collections import Counter, defaultdict
from dataclasses import replace

import pytest
from aiokafka.admin import RecordsToDelete
from aiokafka.structs import TopicPartition

from pipeline import archive
from pipeline.clock import now_us
from pipeline.kafka import admin
from pipeline.objectstore import FolderStore
from pipeline.runs import PAUSED, state_key
from pipeline.segments import Entry, entry_of, segment_of
from schemas.codec import encode
from schemas.records import RunStateChanged
from schemas.topics import CONTROL, RESCORES, TRACE_ASSEMBLED
from tests.support import log
from tests.support.judging import RUBRIC
from tests.support.openai_server import OpenAIServer, Scripted, answer, openai_server
from tests.support.rescoring import Rescoring

pytestmark = pytest.mark.integration
GOOD = Scripted(answer([criterion.id for criterion in RUBRIC.criteria]))
PARALLEL = 4


async def test_a_run_scores_what_was_selected_once_each(rescoring: Rescoring) -> None:
    traces = await rescoring.write(20)
    await rescoring.write(3, project="other")
    selection = {"projects": ["default"]}
    status, told, said = await rescoring.run("estimate", {"selection": selection})
    assert (status, told["traces"], told["to_judge"], told["done"]) == (0, 20, 20, False), said
    assert told["seconds"] > 0
    assert (told["cost_usd"], told["prompt_tokens"]) == (0, 0)
    status, told, said = await rescoring.run("start", {"run": "first", "selection": selection})
    assert (status, told["state"], told["scored"], told["dealt_with"]) == (0, "done", 20, 20), said
    results = await rescoring.results("first")
    assert sorted(result.trace_id for result in results) == sorted(trace.trace_id for trace in traces)
    assert {(result.outcome, result.overall_milli, result.run_id) for result in results} == {("scored", 5000, "first")}
    runs = await rescoring.runs()
    assert (runs.state("first"), runs.manifests["first"].project, runs.manifests["first"].traces) == (
        *("done", "default"),
        20,
    )
    status, _, said = await rescoring.run("resume", {"run": "first"})
    assert (status, "nothing to go on with" in said) == (2, True)
    status, _, said = await rescoring.run("start", {"run": "first"})
    assert (status, "is there already" in said) == (2, True)


async def test_what_was_judged_alike_is_taken_and_asked_for_only_where_it_was_not(rescoring: Rescoring) -> None:
    await rescoring.write(6)
    with openai_server() as endpoint:
        endpoint.script = [GOOD]
        model = {"OPENAI_BASE_URL": endpoint.base_url}
        await rescoring.run("start", {"run": "paid"}, **model)
        await rescoring.sink()
        await rescoring.write(2)
        _, told, said = await rescoring.run("estimate", {}, **model)
        assert (told["traces"], told["cached"], told["to_judge"]) == (8, 6, 2), said
        assert told["prompt_tokens"] > 2 * 1000
        assert (told["cost_usd"], len(endpoint.asked)) == (None, 6)
        status, told, said = await rescoring.run("start", {"run": "again"}, **model)
        assert (status, told["scored"], told["cached"], told["calls"]) == (0, 8, 6, 2), said
        assert len(endpoint.asked) == 8
    results = await rescoring.results("again")
    paid = {result.trace_id: result for result in await rescoring.results("paid")}
    taken = [result for result in results if result.cached_from]
    assert len(taken) == 6
    for result in taken:
        first = paid[result.trace_id]
        kept = {"run_id": "again", "cached_from": "paid", "calls": 0, "prompt_tokens": 0, "completion_tokens": 0}
        changed = {"cost_nano_usd": 0, "duration_us": 0, "started_at_us": result.started_at_us}
        assert result == replace(first, **kept, **changed)  # type: ignore[arg-type]


async def test_what_is_gone_or_damaged_is_counted_and_the_rest_scored(rescoring: Rescoring) -> None:
    good, damaged = rescoring.trace(1), replace(rescoring.trace(2), document=b"no zstd")
    lost = replace(rescoring.trace(3), document=None, document_ref="documents/nowhere")
    erased = replace(rescoring.trace(4), document=None, document_ref="documents/erased")
    await rescoring.append([good, damaged, lost, erased])
    (rescoring.folder / "objects" / "erasures").mkdir(parents=True)
    (rescoring.folder / "objects" / "erasures" / erased.trace_id).touch()
    status, told, said = await rescoring.run("start", {"run": "partly"})
    assert (status, told["state"], told["scored"], told["unreadable"], told["gone"]) == (1, "done", 1, 2, 1), said
    assert {fault.split(":")[0] for fault in told["faults"]} == {damaged.trace_id, lost.trace_id}
    assert [result.trace_id for result in await rescoring.results("partly")] == [good.trace_id]


async def test_only_the_latest_revision_is_scored_and_later_traces_are_no_part(rescoring: Rescoring) -> None:
    first = rescoring.trace(1)
    await rescoring.append([first, replace(first, revision=2)])
    with openai_server() as endpoint:
        endpoint.script = [replace(GOOD, delay_s=2)]
        process = rescoring.start("start", {"run": "frozen"}, OPENAI_BASE_URL=endpoint.base_url)
        while not endpoint.asked:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
        await rescoring.write(1)
        status, told, said = await rescoring.finish(process)
    assert (status, told["traces"]) == (0, 1), said
    assert [(result.trace_id, result.revision) for result in await rescoring.results("frozen")] == [(first.trace_id, 2)]


async def test_what_only_the_archive_has_is_scored_and_what_nobody_has_is_gone(rescoring: Rescoring) -> None:
    traces = await rescoring.write(12)
    store = FolderStore(rescoring.folder / "objects")
    by_partition: dict[int, list[Entry]] = defaultdict(list)
    for found in await log.records(rescoring.kafka, TRACE_ASSEMBLED):
        by_partition[found.partition].append(entry_of(found))
    erased = traces[0].trace_id
    for partition, entries in by_partition.items():
        kept = [entry.without({erased}) for entry in entries]
        await archive.write(store, segment_of(TRACE_ASSEMBLED.name, partition, kept), kept)
    ends = {TopicPartition(TRACE_ASSEMBLED.name, n): entries[-1].offset + 1 for n, entries in by_partition.items()}
    async with admin(rescoring.kafka) as client:
        await client.delete_records({place: RecordsToDelete(before_offset=end) for place, end in ends.items()})
    await rescoring.write(2)
    status, told, said = await rescoring.run("start", {"run": "archived"})
    assert (status, told["scored"], told["gone"]) == (0, 13, 1), said
    scored = {result.trace_id for result in await rescoring.results("archived")}
    assert erased not in scored
    assert {trace.trace_id for trace in traces[1:]} < scored


async def order(rescoring: Rescoring, run_id: str, state: str, **detail: str) -> None:
    """What an operator's command appends."""
    record = RunStateChanged(
        run_id=run_id, project="*", state=state, detail=detail, changed_by="cli/somebody", changed_at_us=now_us()
    )
    await rescoring.producer.send_and_wait(CONTROL.name, encode(record), key=state_key(run_id))


async def until_asked(endpoint: OpenAIServer, calls: int, process: subprocess.Popen[bytes]) -> None:
    """Returns once the endpoint was asked so often."""
    async with asyncio.timeout(30):
        while len(endpoint.asked) < calls:
            assert process.poll() is None, process.communicate()
            await asyncio.sleep(0.02)


async def test_a_paused_run_asks_no_more_and_goes_on_without_asking_twice(rescoring: Rescoring) -> None:
    await rescoring.write(30)
    with openai_server() as endpoint:
        endpoint.script = [replace(GOOD, delay_s=0.3)]
        model = {"OPENAI_BASE_URL": endpoint.base_url}
        process = rescoring.start("start", {"run": "held", "parallel": PARALLEL}, **model)
        await until_asked(endpoint, 8, process)
        await order(rescoring, "held", PAUSED)
        await asyncio.sleep(1)
        asked = len(endpoint.asked)
        status, told, said = await rescoring.finish(process)
        assert (status, told["state"], told["reason"]) == (3, "paused", "by cli/somebody"), said
        assert told["scored"] == asked == len(endpoint.asked) < 30
        assert (await rescoring.runs()).states["held"].detail["scored"] == str(asked)
        status, told, said = await rescoring.run("resume", {"run": "held", "parallel": 10}, **model)
        assert (status, told["state"], told["scored"], told["calls"]) == (0, "done", 30, 30), said
        assert len(endpoint.asked) == 30
    assert Counter(result.trace_id for result in await rescoring.results("held")).most_common(1)[0][1] == 1


async def test_an_interrupt_holds_a_run_and_cancelling_ends_it_for_good(rescoring: Rescoring) -> None:
    await rescoring.write(30)
    with openai_server() as endpoint:
        endpoint.script = [replace(GOOD, delay_s=0.3)]
        model = {"OPENAI_BASE_URL": endpoint.base_url}
        process = rescoring.start("start", {"run": "stopped", "parallel": PARALLEL}, **model)
        await until_asked(endpoint, 5, process)
        process.terminate()
        status, told, said = await rescoring.finish(process)
        assert (status, told["state"], told["reason"]) == (3, "paused", "interrupted"), said
        assert told["scored"] == len(endpoint.asked)
        endpoint.script = [replace(GOOD, delay_s=20)]
        process = rescoring.start("resume", {"run": "stopped"}, **model)
        await until_asked(endpoint, told["scored"] + 1, process)
        await order(rescoring, "stopped", "cancelled")
        status, told, said = await rescoring.finish(process)
        assert (status, told["state"]) == (3, "cancelled"), said
    status, _, said = await rescoring.run("resume", {"run": "stopped"}, **model)
    assert (status, "is cancelled" in said) == (2, True)


async def test_of_two_processes_the_later_one_gives_up(rescoring: Rescoring) -> None:
    await rescoring.write(40)
    with openai_server() as endpoint:
        endpoint.script = [replace(GOOD, delay_s=0.5)]
        model = {"OPENAI_BASE_URL": endpoint.base_url}
        first = rescoring.start("start", {"run": "twice", "parallel": 2}, **model)
        await until_asked(endpoint, 2, first)
        status, _, said = await rescoring.run("resume", {"run": "twice", "parallel": 2}, **model)
        assert (status, "is being worked on by process" in said) == (3, True), said
        status, told, said = await rescoring.finish(first)
        assert (status, told["scored"], len(endpoint.asked)) == (0, 40, 40), said


async def test_a_process_that_was_frozen_finds_out_before_it_writes(rescoring: Rescoring) -> None:
    """SIGSTOP for longer than a claim takes: somebody else holds the run by then."""
    await rescoring.write(40)
    with openai_server() as endpoint:
        endpoint.script = [replace(GOOD, delay_s=0.2)]
        model = {"OPENAI_BASE_URL": endpoint.base_url}
        frozen = rescoring.start("start", {"run": "thawed", "parallel": 2}, **model)
        await until_asked(endpoint, 6, frozen)
        frozen.send_signal(19)
        status, told, said = await rescoring.run("resume", {"run": "thawed", "parallel": 2}, **model)
        assert (status, told["scored"]) == (0, 40), said
        frozen.send_signal(18)
        status, _, said = await rescoring.finish(frozen)
        assert (status, "is being worked on by" in said) == (3, True), said
        assert len(endpoint.asked) <= 40 + 2
    assert Counter(result.trace_id for result in await rescoring.results("thawed")).most_common(1)[0][1] == 1
    assert (await rescoring.runs()).state("thawed") == "done"


async def test_a_refusal_and_a_spent_budget_pause_the_run_and_say_why(rescoring: Rescoring) -> None:
    await rescoring.write(4)
    with openai_server() as endpoint:
        endpoint.script = [Scripted(status=401)]
        model = {"OPENAI_BASE_URL": endpoint.base_url}
        status, told, said = await rescoring.run("start", {"run": "refused"}, **model)
        assert (status, told["state"], told["scored"]) == (3, "paused", 0), said
        assert "OPENAI_API_KEY" in told["reason"]
        endpoint.script = [GOOD]
        status, told, said = await rescoring.run("resume", {"run": "refused"}, **model)
        assert (status, told["state"], told["scored"]) == (0, "done", 4), said
        poor = {"run": "poor", "budget_nano": 0, "cache": False}
        status, _, said = await rescoring.run("start", poor, **model)
        assert (status, "JUDGE_PRICE_IN" in said) == (2, True), said
        prices = {"JUDGE_PRICE_IN": "1", "JUDGE_PRICE_OUT": "2"}
        status, told, said = await rescoring.run("start", poor, **model, **prices)
        assert (status, told["state"], told["reason"]) == (3, "paused", "the budget is spent: $0.0000 of $0.0000"), said


async def killed_often(
    rescoring: Rescoring, request: dict[str, object], kills: int, seed: int, **environment: str
) -> int:
    """Start a run, kill it again and again after it has got on a bit, let it end; how often it was killed."""
    chance, done = random.Random(seed), 0
    process = rescoring.start("start", request, **environment)
    while done < kills:
        before = await log.end(rescoring.kafka, RESCORES)
        async with asyncio.timeout(60):
            while process.poll() is None and await log.end(rescoring.kafka, RESCORES) == before:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        if process.poll() is not None:
            break
        await asyncio.sleep(chance.uniform(0, 0.1))
        await rescoring.kill(process)
        done += 1
        process = rescoring.start("resume", request, **environment)
    status, told, said = await rescoring.finish(process, timeout_s=600)
    assert (status, told["state"], told["dealt_with"]) == (0, "done", told["traces"]), said
    return done


async def whole(rescoring: Rescoring, run_id: str, traces: int) -> None:
    """Each trace has one result of the run: in the log, and as the views show it."""
    results = await rescoring.results(run_id)
    assert len({result.trace_id for result in results}) == len(results) == traces
    await rescoring.sink()
    (row,) = rescoring.clickhouse.rows(
        "SELECT count() AS rows, uniqExact(trace_id) AS traces FROM v1_judgements WHERE run_id = {run:String}",
        {"run": run_id},
    )
    assert row == {"rows": traces, "traces": traces}


@pytest.mark.parametrize("kills", [5, pytest.param(50, marks=pytest.mark.slow)])
async def test_kill_9_loses_no_score_repeats_none_and_pays_for_nothing_twice(rescoring: Rescoring, kills: int) -> None:
    traces, run_id = 20 * kills, f"killed-{kills}"
    await rescoring.write(traces)
    with openai_server() as endpoint:
        endpoint.script = [replace(GOOD, delay_s=0.05)]
        request = {"run": run_id, "parallel": PARALLEL}
        done = await killed_often(rescoring, request, kills, seed=kills, OPENAI_BASE_URL=endpoint.base_url)
        assert done == kills
        assert len(endpoint.asked) <= traces + kills * PARALLEL
    await whole(rescoring, run_id, traces)


@pytest.mark.parametrize("kills", [2, pytest.param(50, marks=pytest.mark.slow)])
async def test_kill_9_in_the_midst_of_processes_loses_and_repeats_nothing(rescoring: Rescoring, kills: int) -> None:
    """Nor does one of them outlive the process that asked: its output would stay open."""
    traces, run_id = 1000 * kills, f"processes-{kills}"
    await rescoring.write(traces)
    request = {"run": run_id, "parallel": 2, "cache": False}
    assert await killed_often(rescoring, request, kills, seed=kills) == kills
    await whole(rescoring, run_id, traces)
