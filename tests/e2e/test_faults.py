"""A frozen broker; an engine killed; a late chunk; a second `up`; what `down` leaves."""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.stack import Stack, own_stack
from benchmarks.traffic import small_events, small_session
from clients.problems import ApiProblem, ConnectionLost
from clients.retries import Retries
from clients.session import open_trace, submit, wait_for
from tests.support.ports import accepts_connections

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(400)]
PATIENCE_S = 120


@pytest.fixture(scope="module")
def fragile() -> Iterator[Stack]:
    """A stack of this module's own, since its processes are killed."""
    with own_stack() as running:
        yield running


def _wait(stack: Stack, condition: str, wanted: int) -> None:
    clickhouse, deadline, seen = stack.clickhouse(), time.monotonic() + PATIENCE_S, None
    while time.monotonic() < deadline:
        seen = clickhouse.rows(condition)[0]["n"]
        if seen == wanted:
            return
        time.sleep(0.3)
    raise AssertionError(f"{condition}: {seen}, not {wanted}, after {PATIENCE_S} s")


def _submit(stack: Stack, number: int) -> str:
    """One trace through a gateway that may die meanwhile; a create whose answer was lost is asked for again."""
    with stack.client(Retries(attempts=60, longest_wait_s=1.0)) as client:
        while True:
            try:
                return submit(client, small_session(number)).trace_id
            except ConnectionLost:
                time.sleep(0.2)


def test_a_chunk_after_complete_makes_a_new_revision(fragile: Stack) -> None:
    session = small_session(1000)
    events = small_events(1000)
    with fragile.client() as client:
        upload = open_trace(client, session.trace)
        upload.send(events[:5])
        upload.complete()
        wait_for(client, upload.trace_id)
        late = upload.send(events[5:])
        assert [receipt.late for receipt in late] == [True]
    where = f"trace_id = '{upload.trace_id}'"
    _wait(fragile, f"SELECT max(revision) AS n FROM v1_traces WHERE {where}", 2)
    _wait(fragile, f"SELECT count() AS n FROM v1_events WHERE {where}", len(events))
    _wait(fragile, f"SELECT max(revision) AS n FROM v1_validations WHERE {where}", 2)


def test_a_frozen_broker_is_answered_with_503_and_forgotten_when_it_is_back(fragile: Stack) -> None:
    broker = fragile.pid("kafka")
    assert broker
    with fragile.client(Retries(attempts=1)) as impatient:
        upload = open_trace(impatient, small_session(2000).trace)
        os.kill(broker, signal.SIGSTOP)
        try:
            while not _stands_still(broker):
                time.sleep(0.01)
            with pytest.raises(ApiProblem) as refused:
                upload.send(small_events(2000))
        finally:
            os.kill(broker, signal.SIGCONT)
        assert refused.value.status == 503
    with fragile.client(Retries(attempts=60, longest_wait_s=1.0)) as patient:
        again = open_trace(patient, small_session(2001).trace)
        again.send(small_events(2001))
        again.complete()
        wait_for(patient, again.trace_id, timeout_s=60)


@pytest.mark.parametrize("engine", ["clickhouse", "kafka"])
def test_a_killed_engine_is_restarted_and_the_stack_heals(fragile: Stack, engine: str) -> None:
    victim = fragile.pid(engine)
    assert victim
    os.kill(victim, signal.SIGKILL)
    trace_id = _submit(fragile, 3000)
    with fragile.client(Retries(attempts=60, longest_wait_s=1.0)) as client:
        trace = wait_for(client, trace_id, timeout_s=60)
    assert trace["integrity"]["intact"]
    assert fragile.home.status()["children"][engine]["last_exit"] == -signal.SIGKILL
    assert fragile.cli("status").returncode == 0


def test_a_second_up_is_harmless(fragile: Stack) -> None:
    before = fragile.home.status()
    done = fragile.cli("up")
    assert done.returncode == 0, done.stderr
    assert fragile.home.status()["pid"] == before["pid"]
    assert before["addresses"]["GATEWAY_URL"] in done.stdout


def _stands_still(pid: int) -> bool:
    """Whether every thread has been stopped; the signal is not there at once."""
    states = [task.read_text().rpartition(") ")[2][0] for task in Path(f"/proc/{pid}/task").glob("*/stat")]
    return set(states) == {"T"}


def _runs(pid: int) -> bool:
    """Whether the process does anything; where nobody reaps orphans, an ended one stays as a zombie."""
    stat = Path(f"/proc/{pid}/stat")
    return stat.exists() and stat.read_text().rpartition(") ")[2][0] != "Z"


def test_down_leaves_nothing_behind() -> None:
    with own_stack() as stack:
        status = stack.home.status()
        pids = [status["pid"], *(child["pid"] for child in status["children"].values())]
        ports = [int(address.rpartition(":")[2]) for address in status["addresses"].values() if ":" in address]
        assert stack.cli("status").returncode == 0
        assert stack.cli("down").returncode == 0
        assert stack.cli("status").returncode == 3
        assert [pid for pid in pids if _runs(pid)] == []
        assert [port for port in ports if accepts_connections(port)] == []
        assert "stopped" in stack.cli("down").stdout or "nothing runs" in stack.cli("down").stdout
