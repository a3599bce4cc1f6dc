"""The example scripts run from anywhere, as client authors start them; stdout has nothing but the id of the trace."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.data import PROJECT
from tests.support.fake_gateway import TRACE_ID, FakeGateway, serving
from tests.support.ports import free_port


@pytest.fixture(scope="module")
def gateway() -> Iterator[FakeGateway]:
    with serving(FakeGateway()) as server:
        yield server


def run(script: str, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(PROJECT / "examples" / script), *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True, timeout=60)


@pytest.mark.parametrize(
    ("script", "chunks"),
    [("submit_example.py", 3), ("submit_complex_example.py", 4), ("submit_failed_example.py", 3)],
)
def test_submitting_prints_the_id_and_names_the_next_command(
    script: str, chunks: int, gateway: FakeGateway, tmp_path: Path
) -> None:
    gateway.seen.clear()
    done = run(script, tmp_path, "--url", gateway.url, "--token", "mine")
    assert done.stdout == f"{TRACE_ID}\n"
    assert f"view_trace.py {TRACE_ID}" in done.stderr
    assert gateway.seen[0].headers["authorization"] == "Bearer mine"
    assert sum(seen.path.endswith("events:ingest") for seen in gateway.seen) == chunks


@pytest.mark.parametrize(
    ("document", "shown"),
    [(None, "still being worked out"), ({"trace_id": TRACE_ID, "task": {"title": "Coupons"}}, "Coupons")],
)
def test_viewing_prints_the_trace(
    document: dict[str, object] | None, shown: str, gateway: FakeGateway, tmp_path: Path
) -> None:
    gateway.documents = [document]
    assert shown in run("view_trace.py", tmp_path, TRACE_ID, "--url", gateway.url).stdout


@pytest.mark.parametrize(
    "script", [("submit_example.py",), ("submit_complex_example.py",), ("view_trace.py", TRACE_ID)]
)
def test_a_gateway_that_is_away_is_said_in_one_line(script: tuple[str, ...], tmp_path: Path) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    command = [sys.executable, str(PROJECT / "examples" / script[0]), *script[1:], "--url", url]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (1, "", 1), done.stderr
    assert url in done.stderr


def test_the_demo_is_valid_shell() -> None:
    subprocess.run(["bash", "-n", str(PROJECT / "examples" / "demo.sh")], check=True)
