"""`up`, `down`, `status`, `logs`: start the embedded stack's supervisor, watch it, end it."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import Annotated, Any, TextIO

import typer
from rich.live import Live
from rich.table import Table

from pipeline.cli.home import Home
from pipeline.cli.loglines import readable
from pipeline.cli.plan import ANALYST_PASSWORD
from pipeline.cli.progress import is_well
from pipeline.cli.terminal import Json, err, fail, out
from pipeline.settings import GatewaySettings, StackSettings, load

UP_PATIENCE_S = 300
DOWN_PATIENCE_S = 60
LOOK_S = 0.2
COLOURS = {"ready": "green", "done": "green", "failed": "red", "restarting": "red", "absent": "yellow", "stuck": "red"}


def this_home() -> Home:
    """The home that the settings name."""
    return Home(load(StackSettings).pr_telemetry_home.resolve())


def _table(status: dict[str, Any]) -> Table:
    table = Table(title=f"stack: {status.get('state', 'starting')}", title_justify="left", box=None)
    for column in ("part", "state", "pid", "restarts", "note"):
        table.add_column(column)
    notes = dict(status.get("notes", {}))
    for name, state in status.get("steps", {}).items():
        table.add_row(name, _coloured(state), "", "", notes.pop(name, ""))
    for name, child in status.get("children", {}).items():
        pid, restarts = child["pid"] or "", child["restarts"] or ""
        table.add_row(name, _coloured(child["state"]), str(pid), str(restarts), notes.pop(name, ""))
    for name, note in notes.items():
        table.add_row(name, _coloured("absent"), "", "", note)
    return table


def _groups_table(groups: dict[str, Any]) -> Table:
    table = Table(title="consumer groups", title_justify="left", box=None)
    for column in ("group", "progress", "unread", "still for", "alarm"):
        table.add_column(column)
    for name, group in groups.items():
        still = f"{group['still_s']} s" if group["still_s"] else ""
        table.add_row(name, _coloured(group["progress"]), str(group["unread"]), still, "; ".join(group["alarms"]))
    return table


def _coloured(state: str) -> str:
    colour = COLOURS.get(state, "default")
    return f"[{colour}]{state}[/{colour}]"


def _print_addresses(status: dict[str, Any]) -> None:
    addresses = status["addresses"]
    out.print(f"gateway     {addresses['GATEWAY_URL']}  (docs: {addresses['GATEWAY_URL']}/docs)")
    out.print(f"clickhouse  {addresses['CLICKHOUSE_URL']}  (read-only: user analyst, password {ANALYST_PASSWORD})")
    out.print(f"kafka       {addresses['KAFKA_BOOTSTRAP']}")


def _refuse_taken_ports() -> None:
    stack, gateway = load(StackSettings), load(GatewaySettings)
    ports = {
        "GATEWAY_PORT": gateway.gateway_port,
        "KAFKA_PORT": stack.kafka_port,
        "CLICKHOUSE_PORT": stack.clickhouse_port,
    }
    for name, port in ports.items():
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                raise fail(f"port {port} is taken: set {name} to a free one") from None


def _spawn_supervisor(home: Home) -> subprocess.Popen[bytes]:
    path = home.log_file("supervisor")
    path.parent.mkdir(parents=True, exist_ok=True)
    home.status_file.unlink(missing_ok=True)
    with path.open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "pipeline.cli.supervisor"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )


def up() -> None:
    """Start the embedded stack and wait until it is ready. Harmless where it runs or starts already."""
    home = this_home()
    ours = None
    if home.supervisor_pid() is None:
        _refuse_taken_ports()
        ours = _spawn_supervisor(home)
    _wait_until_ready(home, ours)
    status = home.status()
    if status.get("state") != "ready":
        err.print(_table(status))
        raise fail(f"the stack did not start: {status.get('message') or home.log_file('supervisor')}")
    _print_addresses(status)
    for name, note in status["notes"].items():
        out.print(f"without {name}: {note}", style="yellow", markup=False, highlight=False, soft_wrap=True)


def _wait_until_ready(home: Home, ours: subprocess.Popen[bytes] | None) -> None:
    """Watch a supervisor until its start is decided: ours, or another's that this home has already."""
    deadline = time.monotonic() + UP_PATIENCE_S
    with Live(console=err, refresh_per_second=5, transient=True) as live:
        while time.monotonic() < deadline:
            status = home.status()
            live.update(_table(status))
            started = ours is not None and ours.poll() is None
            if status.get("state") in ("ready", "failed") or not (started or home.supervisor_pid()):
                return
            time.sleep(LOOK_S)


def down() -> None:
    """Stop the embedded stack; its data stay. Harmless where nothing runs."""
    home = this_home()
    pid = home.supervisor_pid()
    if pid is None:
        out.print("nothing runs")
        return
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + DOWN_PATIENCE_S
    while home.supervisor_pid() is not None:
        if time.monotonic() > deadline:
            raise fail(f"the supervisor (process {pid}) does not stop: see {home.log_file('supervisor')}")
        time.sleep(LOOK_S)
    out.print("stopped")


def status(json: Json = False) -> None:
    """Show what runs, and whether each consumer group gets on.

    Exit status: 0 ready, 1 not all is well, 3 nothing runs.
    """
    home = this_home()
    now: dict[str, Any] = home.status() if home.supervisor_pid() else {"state": "stopped"}
    if json:
        out.print_json(data=now)
    else:
        out.print(_table(now))
        if groups := now.get("groups"):
            out.print(_groups_table(groups))
    if now["state"] == "stopped":
        raise typer.Exit(3)
    lives = now["state"] == "ready" and all(child["state"] == "ready" for child in now["children"].values())
    if not lives or not all(map(is_well, now.get("groups", {}).values())):
        raise typer.Exit(1)


def logs(
    name: Annotated[str, typer.Argument(help="Process, as `status` names it.")] = "supervisor",
    lines: Annotated[int, typer.Option("--lines", "-n", help="How many of the last lines.")] = 40,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on printing until interrupted.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the lines as they were logged, for scripts.")] = False,
) -> None:
    """Print the last lines of a process's log: time (UTC), service, level, what happened, fields."""
    path = this_home().log_file(name)
    if not path.is_file():
        known = ", ".join(sorted(file.stem for file in path.parent.glob("*.log"))) or "none yet"
        raise fail(f"no log of {name}; there are: {known}")
    shown: Callable[[str], str] = str if json else lambda line: f"{readable(line)}\n"
    with path.open(errors="replace") as file:
        sys.stdout.writelines(map(shown, deque(file, maxlen=lines)))
        while follow:
            sys.stdout.flush()
            sys.stdout.writelines(map(shown, _whole_lines(file)))
            time.sleep(LOOK_S)


def _whole_lines(file: TextIO) -> Iterator[str]:
    """The lines that came since; one that is still being written is left for the next time."""
    while True:
        place, line = file.tell(), file.readline()
        if not line.endswith("\n"):
            file.seek(place)
            return
        yield line
