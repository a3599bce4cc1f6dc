"""The engine is started where it can be, beside another one if need be, and the reason is one line where it cannot."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from deploy.embedded import docker_engine, gvisor
from deploy.embedded.docker_engine import (
    EngineUnavailable,
    answering_daemon,
    engine_command,
    ensure_engine,
    free_data_root,
)


def test_the_engine_makes_no_network_and_keeps_its_files_together(tmp_path: Path) -> None:
    command = engine_command(tmp_path / "data", Path("/tmp/x/d.sock"))
    assert {"--bridge=none", "--iptables=false", "--host=unix:///tmp/x/d.sock"} <= set(command)
    assert f"--pidfile={tmp_path}/data/dockerd.pid" in command


def test_the_engine_offers_gvisor_once_it_is_built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    runtime = gvisor.runtime_path(os.environ)
    assert not [part for part in engine_command(Path("/d"), Path("/s")) if "runtime" in part]
    runtime.parent.mkdir(parents=True)
    runtime.touch()
    assert f"--add-runtime=runsc={runtime}" in engine_command(Path("/d"), Path("/s"))


def test_a_socket_path_that_the_kernel_would_refuse_is_refused_first() -> None:
    longest = Path("/tmp") / ("x" * (107 - len("/tmp/")))
    assert engine_command(Path("/d"), longest)
    with pytest.raises(EngineUnavailable, match="107 bytes"):
        engine_command(Path("/d"), longest.with_name(f"{longest.name}x"))
    with socket.socket(socket.AF_UNIX) as probe, pytest.raises(OSError, match="AF_UNIX path too long"):
        probe.bind(f"{longest}xx")


def test_a_data_root_of_a_live_engine_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    environ = {"XDG_CACHE_HOME": str(tmp_path)}
    first = free_data_root(environ)
    assert first == tmp_path / "pr-telemetry" / "docker"
    first.mkdir(parents=True)
    (first / "dockerd.pid").write_text(str(os.getpid()))
    assert free_data_root(environ) == first, "a stale file whose id another program has"
    monkeypatch.setattr(docker_engine, "ENGINE", Path("/proc/self/comm").read_text().strip())
    assert free_data_root(environ) == first.with_name("docker-2")


def test_no_engine_answers_where_nothing_listens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/absent.sock")
    assert answering_daemon() is None
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(f"{tmp_path}/closed.sock")
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/closed.sock")
    assert answering_daemon() is None


def test_what_is_missing_is_said_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(EngineUnavailable, match="needs root") as refused:
        ensure_engine()
    assert "\n" not in str(refused.value)
