"""`import`: the format is found out, each session goes in once, and what had no place is said."""

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from clients.importers import IMPORTERS
from clients.importers.formats import PIECE_CHARS
from pipeline.cli.importing import FORMATS
from tests.support.data import REAL_SESSIONS
from tests.support.fake_gateway import TRACE_ID, FakeGateway, serving
from tests.support.ports import free_port
from tests.support.sandbox import FIXED, START, make_repository
from tests.unit.clients.importers.test_hostile import RICH
from tests.unit.clients.test_git_commit import commit
from tests.unit.pipeline.cli.test_commands import cli
from tests.unit.pipeline.reports.test_runs import JUNIT, ctrf


@pytest.fixture
def gateway() -> Iterator[FakeGateway]:
    with serving(FakeGateway(documents=[{"stage": "done"}])) as server:
        yield server


def created(gateway: FakeGateway) -> list[dict[str, Any]]:
    return [json.loads(seen.body) for seen in gateway.seen if seen.method == "POST" and seen.path == "/v1/traces"]


@pytest.fixture
def files(tmp_path: Path) -> dict[str, str]:
    """A file of each format, none of which its name tells."""
    for name, document in RICH.items():
        (tmp_path / f"{name}.x").write_text(json.dumps(document))
    return {name: str(tmp_path / f"{name}.x") for name in RICH}


def test_every_format_is_found_out(tmp_path: Path, gateway: FakeGateway, files: dict[str, str]) -> None:
    done = cli(tmp_path, "import", "--json", *files.values(), GATEWAY_URL=gateway.url)
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(line["file"], line["format"]) for line in lines] == [(files[name], name) for name in IMPORTERS]
    assert {line["trace_id"] for line in lines} == {TRACE_ID}
    assert len(created(gateway)) == len(IMPORTERS)


def test_a_file_is_imported_once_whatever_it_is_called(tmp_path: Path, gateway: FakeGateway) -> None:
    copy = tmp_path / "copy.gz"
    copy.write_bytes(REAL_SESSIONS[0].read_bytes())
    for file in (REAL_SESSIONS[0], copy):
        assert cli(tmp_path, "import", str(file), GATEWAY_URL=gateway.url).returncode == 0
    assert len(created(gateway)) == 1
    assert cli(tmp_path, "import", "--again", str(copy), GATEWAY_URL=gateway.url).returncode == 0
    assert len(created(gateway)) == 2
    assert cli(tmp_path, "import", "--task-id", "other", str(copy), GATEWAY_URL=gateway.url).returncode == 0
    assert [body["task_id"] for body in created(gateway)][2] == "other"


def test_a_commit_is_imported_once(tmp_path: Path, gateway: FakeGateway) -> None:
    repository = make_repository(tmp_path / "calc", START)
    commit(repository, {"calc.py": FIXED.encode()})
    told = ("import", "--format", "git-commit", "--repo", str(repository.folder))
    first, second = (cli(tmp_path, *told, name, GATEWAY_URL=gateway.url) for name in ("HEAD", "main"))
    assert (first.returncode, second.returncode, len(created(gateway))) == (0, 0, 1), second.stderr


def test_each_server_has_its_own_traces(tmp_path: Path, gateway: FakeGateway) -> None:
    with serving(FakeGateway(documents=[{}])) as other:
        for server in (gateway, other):
            cli(tmp_path, "import", str(REAL_SESSIONS[0]), GATEWAY_URL=server.url)
        assert (len(created(gateway)), len(created(other))) == (1, 1)


def test_what_people_read_says_what_had_no_place(tmp_path: Path, gateway: FakeGateway, files: dict[str, str]) -> None:
    done = cli(tmp_path, "import", files["claude-code"], GATEWAY_URL=gateway.url)
    assert done.stdout.startswith(f"{TRACE_ID}  claude-code.x  claude-code: 3 records, 2 events; ")
    done = cli(tmp_path, "import", files["swe-agent"], GATEWAY_URL=gateway.url)
    assert "no place: 4 fields (0.0 kB, 0.0 kB of it kept elsewhere); estimated: ts_client_us of" in done.stdout


def test_a_start_commit_that_is_only_a_label_is_said_at_once(tmp_path: Path) -> None:
    file = tmp_path / "x"
    diff = f"diff --git a/x b/x\n--- a/x\n+++ b/x\n@@ -1 +1 @@\n-1\n+{'2' * PIECE_CHARS}\n"
    patch = {"test_result": {"git_patch": diff}}
    file.write_text(json.dumps({**RICH["openhands"], **patch, "instance": {"base_commit": "abcdef1"}}))
    done = cli(tmp_path, "import", "--check", str(file))
    assert "the start commit is only a label" in done.stdout.partition("altered: ")[2], done.stderr


def test_the_loss_report_has_every_session_and_every_field(tmp_path: Path, files: dict[str, str]) -> None:
    loss = tmp_path / "loss.json"
    done = cli(tmp_path, "import", "--check", "--loss", str(loss), *files.values())
    assert done.returncode == 0, done.stderr
    report = json.loads(loss.read_bytes())
    assert [one["format"] for one in report] == list(IMPORTERS)
    assert all(
        {"file", "task_id", "records", "events", "dropped", "fields", "estimated", "altered"} <= one.keys()
        for one in report
    )
    assert report[1]["fields"]["trajectory[].response"] == {"count": 1, "bytes": 3, "repeated_bytes": 0}


def test_checking_sends_nothing_and_refuses_what_an_import_would(tmp_path: Path, files: dict[str, str]) -> None:
    bad = tmp_path / "bad"
    bad.write_text("{}")
    away = f"http://127.0.0.1:{free_port()}"
    done = cli(tmp_path, "import", "--check", "--json", files["atif"], str(bad), GATEWAY_URL=away)
    assert (done.returncode, len(done.stdout.splitlines())) == (1, 1)
    assert "none of the formats that are read" in done.stderr
    assert "--format" in done.stderr
    assert not (tmp_path / "imports").exists()


def test_reports_are_one_session_beside_others(tmp_path: Path, gateway: FakeGateway, files: dict[str, str]) -> None:
    first, second = tmp_path / "b.xml", tmp_path / "a.json"
    first.write_bytes(JUNIT)
    second.write_bytes(ctrf(1_000_000_000_000, "failed"))
    told = ("--title", "Coupons", "--participant", "ci", "--repo-origin", "https://x/y", "--start-commit", "abcdef1")
    done = cli(tmp_path, "import", "--json", *told, str(first), files["atif"], str(second), GATEWAY_URL=gateway.url)
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(line["format"], line["events"]) for line in lines] == [("test-report", 2), ("atif", lines[1]["events"])]
    assert lines[0]["file"] == f"{first}, {second}"
    body = created(gateway)[0]
    assert (body["task_title"], body["participant_id"]) == ("Coupons", "ci")
    assert (body["repo_origin"], body["start_commit"]) == ("https://x/y", "abcdef1")


def test_a_format_that_is_given_is_believed(tmp_path: Path, gateway: FakeGateway, files: dict[str, str]) -> None:
    done = cli(tmp_path, "import", "--format", "openhands", files["swe-agent"], GATEWAY_URL=gateway.url)
    assert (done.returncode, done.stdout) == (1, "")
    assert "it has no events of OpenHands" in done.stderr
    done = cli(tmp_path, "import", "--format", "test-report", files["swe-agent"], GATEWAY_URL=gateway.url)
    assert (done.returncode, "none of the formats that are read (junit" in done.stderr) == (1, True)
    done = cli(tmp_path, "import", "--repo", str(tmp_path), files["atif"], GATEWAY_URL=gateway.url)
    assert "only --format git-commit takes a repository" in done.stderr


def test_of_several_sessions_in_a_file_each_has_its_line(tmp_path: Path, gateway: FakeGateway) -> None:
    file = tmp_path / "output.jsonl"
    lines = [{**RICH["openhands"], "instance_id": name} for name in ("one", "two")]
    file.write_bytes(gzip.compress("\n".join(map(json.dumps, lines)).encode()))
    done = cli(tmp_path, "import", str(file), GATEWAY_URL=gateway.url)
    assert (done.returncode, len(done.stdout.splitlines())) == (0, 2)
    assert [body["task_id"] for body in created(gateway)] == ["one", "two"]


def test_the_help_names_every_format(tmp_path: Path) -> None:
    shown = cli(tmp_path, "import", "--help").stdout
    assert [name for name in FORMATS if name not in shown.replace("\n", " ")] == []
