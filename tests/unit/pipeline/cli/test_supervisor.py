"""The supervisor, over tiny real processes of the standard library."""

import asyncio
import os
import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path

from deploy.embedded.ports import free_port
from pipeline.cli.home import Home
from pipeline.cli.plan import Plan, Ports, Process, Step
from pipeline.cli.supervisor import Supervisor
from pipeline.errors import EXIT_HELD
from pipeline.watchdog import EXIT_STALLED

ADDRESSES = Ports(1, 2, 3).addresses()


def _web(name: str = "web") -> Process:
    port = free_port()
    return Process(name, "http.server", (str(port), "--bind", "127.0.0.1"), ready=f"http://127.0.0.1:{port}/")


def _alive(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


async def _until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)


def _supervise(home: Home, *stages: tuple[Step, ...]) -> Supervisor:
    home.root.mkdir(exist_ok=True)
    return Supervisor(home, Plan(stages), {}, ADDRESSES)


async def test_a_killed_process_is_restarted_and_reported_and_all_end_at_the_stop(tmp_path: Path) -> None:
    home, stop = Home(tmp_path), asyncio.Event()
    running = asyncio.create_task(_supervise(home, (_web(),)).run(stop))
    await _until(lambda: home.status().get("state") == "ready")
    pid = home.status()["children"]["web"]["pid"]
    os.kill(pid, signal.SIGKILL)
    await _until(lambda: home.status()["children"]["web"]["restarts"] == 1)
    await _until(lambda: home.status()["children"]["web"]["state"] == "ready")
    again = home.status()["children"]["web"]
    assert again["pid"] != pid
    assert again["last_exit"] == -signal.SIGKILL
    stop.set()
    assert await running == 0
    assert home.status()["state"] == "stopped"
    assert not _alive(again["pid"])


async def test_a_process_that_the_watchdog_ended_is_started_again(tmp_path: Path) -> None:
    home, stop, flag = Home(tmp_path), asyncio.Event(), tmp_path / "was-here"
    # Ready, then gone with the watchdog's status; the second time it stays.
    program = (
        f"import os, pathlib, time; flag = pathlib.Path({str(flag)!r}); first = not flag.exists(); flag.touch(); "
        f"time.sleep(2 if first else 60); os._exit({EXIT_STALLED})"
    )
    with socket.create_server(("127.0.0.1", 0)) as listening:
        reader = Process("reader", "timeit", ("-n1", "-r1", program), ready=f"tcp:{listening.getsockname()[1]}")
        running = asyncio.create_task(_supervise(home, (reader,)).run(stop))
        await _until(lambda: (home.status().get("children", {}).get("reader") or {}).get("restarts") == 1)
        await _until(lambda: home.status()["children"]["reader"]["state"] == "ready")
        again = home.status()["children"]["reader"]
        assert (again["last_exit"], again["restarts"], _alive(again["pid"])) == (EXIT_STALLED, 1, True)
        stop.set()
        assert await running == 0
    assert not _alive(again["pid"])


async def test_a_process_that_holds_itself_back_is_left_down(tmp_path: Path) -> None:
    home, stop = Home(tmp_path), asyncio.Event()
    program = f"import os, time; time.sleep(2); os._exit({EXIT_HELD})"
    with socket.create_server(("127.0.0.1", 0)) as listening:
        reader = Process("reader", "timeit", ("-n1", "-r1", program), ready=f"tcp:{listening.getsockname()[1]}")
        running = asyncio.create_task(_supervise(home, (reader,)).run(stop))
        await _until(lambda: (home.status().get("children", {}).get("reader") or {}).get("state") == "held")
        await asyncio.sleep(1.5)
    held = home.status()["children"]["reader"]
    assert (held["state"], held["pid"], held["restarts"], held["last_exit"]) == ("held", None, 0, EXIT_HELD)
    stop.set()
    assert await running == 0


async def test_a_part_that_does_not_start_fails_the_stack_and_names_its_log(tmp_path: Path) -> None:
    home = Home(tmp_path)
    broken = Process("broken", "no_such_module", ready="http://127.0.0.1:1/")
    assert await _supervise(home, (_web(),), (broken,)).run(asyncio.Event()) == 1
    status = home.status()
    assert status["state"] == "failed"
    assert str(home.log_file("broken")) in status["message"]
    assert "No module named no_such_module" in status["message"]
    assert status["children"]["web"]["state"] == "stopped"


async def test_the_stack_goes_on_without_an_optional_part(tmp_path: Path) -> None:
    home, stop = Home(tmp_path), asyncio.Event()
    missing = Step("missing", "no_such_module", optional=True)
    running = asyncio.create_task(_supervise(home, (missing,), (_web(),)).run(stop))
    await _until(lambda: home.status().get("state") == "ready")
    assert "missing" in home.status()["notes"]
    stop.set()
    assert await running == 0


async def test_a_stop_during_the_start_ends_what_was_started(tmp_path: Path) -> None:
    home, stop = Home(tmp_path), asyncio.Event()
    never = Process("never", "http.server", (str(free_port()),), ready="http://127.0.0.1:1/")
    running = asyncio.create_task(_supervise(home, (never,)).run(stop))
    await _until(lambda: (home.status().get("children", {}).get("never") or {}).get("pid") is not None)
    pid = home.status()["children"]["never"]["pid"]
    stop.set()
    assert await running == 0
    assert not _alive(pid)
