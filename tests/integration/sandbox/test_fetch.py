"""A commit is fetched from a real git server over https by a process of its own, or it is said why not."""

from __future__ import annotations

import os
import ssl
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from pipeline.objectstore import FolderStore
from sandbox.checkout import MIRROR, prepare
from sandbox.failures import NoVerdict
from sandbox.fetching import FetchByProcess
from sandbox.job import Job
from sandbox.spec import Limits
from sandbox.workspace import find_workspace
from tests.support.certificates import make_authority
from tests.support.local_environment import LocalEnvironment
from tests.support.sandbox import START, Repository, assembled, commit, git, make_repository

pytestmark = pytest.mark.integration
LIMITS = Limits(run_timeout_s=20, memory_bytes=1, pids=1)


class GitHandler(BaseHTTPRequestHandler):
    """Git's own server program behind https; below `/moved/` a redirect, below `/slow/` no answer."""

    root: Path
    released: threading.Event
    asked: list[str]

    def do_GET(self) -> None:
        self._answer(b"")

    def do_POST(self) -> None:
        self._answer(self.rfile.read(int(self.headers["Content-Length"])))

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""

    def _answer(self, body: bytes) -> None:
        path, _, query = self.path.partition("?")
        self.asked.append(path)
        if path.startswith("/slow/"):
            self.released.wait(60)
        if path.startswith("/moved/"):
            self.send_response(302)
            self.send_header("Content-Length", "0")
            self.send_header("Location", self.path.replace("/moved/", "/team/"))
            self.end_headers()
            return
        environment = {
            "PATH": os.environ["PATH"],
            "GIT_PROJECT_ROOT": str(self.root),
            "GIT_HTTP_EXPORT_ALL": "1",
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": "safe.directory",
            "GIT_CONFIG_VALUE_0": "*",
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "REQUEST_METHOD": self.command,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(body)),
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
        }
        done = subprocess.run(["git", "http-backend"], input=body, env=environment, capture_output=True, check=False)
        head, _, content = done.stdout.partition(b"\r\n\r\n")
        headers = dict(line.split(": ", 1) for line in head.decode().splitlines())
        self.send_response(int(headers.pop("Status", "200").split()[0]))
        for name, value in {**headers, "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)


@pytest.fixture
def origin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The server's address; what its fetches need is in the environment."""
    authority = make_authority(tmp_path)
    handler = type("Handler", (GitHandler,), {"root": tmp_path / "served", "released": threading.Event(), "asked": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority.certificate, authority.key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    address = f"https://127.0.0.1:{server.server_port}"
    for name, value in {
        "SANDBOX_ORIGINS": f"{address}/team,{address}/moved,{address}/slow",
        "SANDBOX_PRIVATE_ORIGINS": "true",
        "SANDBOX_FETCHED_DIR": str(tmp_path / "fetched"),
        "GIT_SSL_CAINFO": str(authority.ca),
    }.items():
        monkeypatch.setenv(name, value)
    yield address
    handler.released.set()  # type: ignore[attr-defined]
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    """Three commits, of which the middle one is wanted."""
    made = make_repository(tmp_path / "served/team/calc", START)
    (made.folder / "calc.py").write_text("middle = 1\n")
    middle = commit(made.folder)
    (made.folder / "calc.py").write_text("last = 1\n")
    commit(made.folder)
    return Repository(made.folder, middle)


async def refusal(origin: str, wanted: str) -> str:
    """Why it is not fetched."""
    with pytest.raises(NoVerdict) as refused:
        await FetchByProcess(20)(origin, wanted)
    return f"{refused.value.outcome.verdict}({refused.value.outcome.reason})"


async def test_the_commit_of_an_allowed_origin_is_fetched_once_and_is_enough(
    origin: str, repository: Repository, tmp_path: Path
) -> None:
    trace = assembled(f"{origin}/team/calc", repository.commit, [])
    fetch, store = FetchByProcess(20), FolderStore(tmp_path / "store")
    workspace = await find_workspace(trace, {"artifacts": {}}, None, store, 10**7, fetch)
    environment = LocalEnvironment(tmp_path / "workspace")
    prepared = await prepare(environment, Job(workspace=workspace, commit=repository.commit, patches=()), (), LIMITS)
    assert environment.git("cat-file", "blob", f"{prepared.final}:calc.py") == b"middle = 1\n"
    (tmp_path / "served").rename(tmp_path / "gone")
    again = await find_workspace(trace, {"artifacts": {}}, None, store, 10**7, fetch)
    assert again.keys() == {MIRROR}


async def test_what_is_not_allowed_or_leads_away_is_not_asked(
    origin: str, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert await refusal(f"{origin}/other/calc", repository.commit) == "unverifiable(no_workspace)"
    assert await refusal(f"file://{repository.folder}", repository.commit) == "unverifiable(no_workspace)"
    assert await refusal(f"{origin}/moved/calc", repository.commit) == "infra_failure(fetch_failed)"
    monkeypatch.setenv("SANDBOX_PRIVATE_ORIGINS", "false")
    assert await refusal(f"{origin}/team/calc", repository.commit) == "unverifiable(no_workspace)"


async def test_a_commit_that_is_not_there_is_told_from_a_server_that_is_not(
    origin: str, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert await refusal(f"{origin}/team/calc", "0" * 39 + "1") == "unverifiable(no_start_commit)"
    assert await refusal(f"{origin}/team/calc", repository.commit[:12]) == "unverifiable(no_start_commit)"
    assert await refusal(f"{origin}/team/none", repository.commit) == "infra_failure(fetch_failed)"
    monkeypatch.setenv("SANDBOX_FETCH_TIMEOUT_S", "1")
    assert await refusal(f"{origin}/slow/calc", repository.commit) == "infra_failure(fetch_failed)"


async def test_what_is_too_large_is_not_kept(
    origin: str, repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (repository.folder / "big.bin").write_bytes(os.urandom(3 * 1024 * 1024))
    monkeypatch.setenv("SANDBOX_FETCH_MB", "1")
    with pytest.raises(NoVerdict) as refused:
        await FetchByProcess(20)(f"{origin}/team/calc", commit(repository.folder))
    assert refused.value.outcome.reason == "bad_workspace", refused.value.outcome.detail
    assert list((tmp_path / "fetched").glob("*/*")) == []


async def test_a_folder_is_an_origin_only_where_it_is_allowed(
    repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SANDBOX_FETCHED_DIR", str(tmp_path / "fetched"))
    monkeypatch.setenv("SANDBOX_ORIGINS", f"file://{repository.folder.parent}")
    git(repository.folder, "config", "uploadpack.allowAnySHA1InWant", "true")
    assert (await FetchByProcess(20)(f"file://{repository.folder}", repository.commit)).is_dir()
