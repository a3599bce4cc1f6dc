"""gVisor is built once, and where it cannot be built the reason is one line."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from deploy.embedded.gvisor import MODULE, GvisorUnavailable, built, ensure_gvisor


def environ_with_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> dict[str, str]:
    """An environment whose `go` is this shell script; GOBIN is where it should put the runtime."""
    go = tmp_path / "bin" / "go"
    go.parent.mkdir(parents=True)
    go.write_text(f"#!/bin/sh\n{script}\n")
    go.chmod(0o755)
    monkeypatch.setenv("PATH", f"{go.parent}:{os.environ['PATH']}")
    return {**os.environ, "XDG_CACHE_HOME": str(tmp_path / "cache")}


def test_it_is_built_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = (
        f'echo "$@" >> {tmp_path}/calls; mkdir -p "$GOBIN"; touch "$GOBIN/runsc"; echo $CGO_ENABLED >> {tmp_path}/calls'
    )
    environ = environ_with_go(tmp_path, monkeypatch, script)
    assert built(environ) is None
    path = ensure_gvisor(environ)
    assert ensure_gvisor(environ) == path == built(environ)
    assert (tmp_path / "calls").read_text() == f"install {MODULE}\n0\n"


def test_a_build_that_fails_leaves_nothing_and_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = 'mkdir -p "$GOBIN"; touch "$GOBIN/other"; echo first >&2; echo "no such module" >&2; exit 1'
    environ = environ_with_go(tmp_path, monkeypatch, script)
    with pytest.raises(GvisorUnavailable, match=r"^`go install` failed: no such module$"):
        ensure_gvisor(environ)
    assert built(environ) is None
    assert [path.name for path in (tmp_path / "cache" / "pr-telemetry").iterdir() if path.is_dir()] == []


def test_without_go_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(GvisorUnavailable, match="no `go` on the PATH"):
        ensure_gvisor({"XDG_CACHE_HOME": str(tmp_path)})
