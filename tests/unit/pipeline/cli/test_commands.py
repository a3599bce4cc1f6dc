"""What the commands say to scripts: JSON by the line, one line for a failure, the documented exit status."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.responses import JSONResponse

from pipeline.bundle.trusted import read_receipts
from pipeline.cli.home import Home
from pipeline.cli.plan import Ports
from pipeline.cli.policies import REDACT_HELP
from pipeline.cli.tables import WRAPPING
from pipeline.cli.times import FORMS, at_ms
from pipeline.redaction.rules import personal_rules
from tests.support.data import PROJECT
from tests.support.fake_gateway import TRACE_ID, FakeGateway, serving
from tests.support.ports import free_port
from tests.support.sandbox import FIXED, START, make_repository
from tests.unit.clients.test_git_commit import commit

DONE = {
    "trace_id": TRACE_ID,
    "stage": "done",
    "task": {"title": "Coupons"},
    "events": [],
    "integrity": {"status": "verified"},
    "closed_at": "2026-01-02T03:04:05.000000Z",
    "queryable_at": "2026-01-02T03:04:06.500000Z",
}
VKEY = "log.example/bundles+6febeb96+AXQiuYh1mAaOMsREipSa2ykND041ueAbDuXxoeYA/iZ0"
SESSION = PROJECT / "examples" / "session.json"


@pytest.fixture(scope="module")
def gateway() -> Iterator[FakeGateway]:
    with serving(FakeGateway()) as server:
        yield server


def cli(home: Path, *args: str, said: str = "", **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "pipeline.cli", *args],
        env={**os.environ, "PR_TELEMETRY_HOME": str(home), **environ},
        input=said,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.parametrize(
    ("command", "setting"),
    [
        (("view", TRACE_ID), "GATEWAY_URL"),
        (("erase", TRACE_ID, "--yes"), "GATEWAY_URL"),
        (("erase", TRACE_ID), "GATEWAY_URL"),  # before it is asked whether to
        (("results", TRACE_ID, TRACE_ID), "GATEWAY_URL"),
        (("sql", "SELECT 1"), "CLICKHOUSE_URL"),
        (("revalidate",), "CLICKHOUSE_URL"),
        (("policy", "acme", "research"), "KAFKA_BOOTSTRAP"),
        (("dlq", "list"), "KAFKA_BOOTSTRAP"),
        (("audit",), "KAFKA_BOOTSTRAP"),
        (("replay", "--topic", "trace-log"), "KAFKA_BOOTSTRAP"),
        (("replay", "--topic", "rescores", "--into", "sinks"), "KAFKA_BOOTSTRAP"),
    ],
)
def test_what_is_away_is_named_in_one_line(tmp_path: Path, command: tuple[str, ...], setting: str) -> None:
    place = f"127.0.0.1:{free_port()}"
    done = cli(tmp_path, *command, **{setting: f"http://{place}" if setting.endswith("URL") else place})
    assert done.returncode == 1
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr
    assert place in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize(
    "command",
    [("import", "--format", "nope", str(SESSION)), ("policy", "acme", "nope"), ("vew",), ("sql", " ; ")]
    + [("policy", "acme", "ask", "--redact", rules) for rules in ("github-token", "")]
    + [("policy", "acme", "ask", "--redact", "none", "--redact", "email"), ("policy", "a/b", "ask")]
    + [("revalidate", "--name", "live"), ("revalidate", "--name", "a/b"), ("revalidate", "--trace", "x")]
    + [("erase", "--yes"), ("erase", TRACE_ID, "--participant", "p", "--yes"), ("replay", "--topic", "nope")]
    + [("replay", "--topic", "trace-log", *more) for more in (("--trace", "x"), ("--into", "sinks"))]
    + [("replay",), ("replay", "--check"), ("replay", "--run", "r"), ("replay", "--run", "r", "--into", "judge")]
    + [("replay", "--run", "r", *more) for more in (("--swap",), ("--drop",), ("--check", "--drop", "--yes"))]
    + [("replay", "--run", "r", "--check", *more) for more in (("--topic", "rescores"), ("--trace", TRACE_ID))],
)
def test_wrong_usage_is_2(tmp_path: Path, command: tuple[str, ...]) -> None:
    assert cli(tmp_path, *command).returncode == 2


def test_what_a_command_logs_is_not_among_its_results(tmp_path: Path) -> None:
    line = "follow_the_running_stack(); logger('x').warning('waiting for Kafka')"
    script = f"from pipeline.cli import follow_the_running_stack; from pipeline.telemetry import logger; {line}"
    environ = {**os.environ, "PR_TELEMETRY_HOME": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", script], env=environ, capture_output=True, text=True, timeout=60)
    assert (done.stdout, "waiting for Kafka" in done.stderr) == ("", True)


def test_up_waits_for_a_stack_that_somebody_else_is_starting(tmp_path: Path) -> None:
    home = Home(tmp_path)
    lock = home.lock()
    assert lock
    lock.write(str(os.getpid()))
    lock.flush()
    home.write_status({"state": "starting"})
    ready = {"state": "ready", "addresses": Ports(1, 2, 3).addresses(), "notes": {}}
    later = threading.Timer(2.5, home.write_status, [ready])
    later.start()
    done = cli(tmp_path, "up")
    later.join()
    lock.close()
    assert (done.returncode, "http://127.0.0.1:1 " in done.stdout) == (0, True), done.stderr


def test_nothing_runs_is_3_and_is_json_too(tmp_path: Path) -> None:
    done = cli(tmp_path, "status", "--json")
    assert (done.returncode, json.loads(done.stdout)) == (3, {"state": "stopped"})


def test_submitted_files_are_a_json_document_a_line_and_one_bad_file_stops_no_other(
    tmp_path: Path, gateway: FakeGateway
) -> None:
    bad = tmp_path / "bad.json"
    bad.write_text("{}")
    done = cli(tmp_path, "submit", "--json", str(SESSION), str(bad), str(SESSION), GATEWAY_URL=gateway.url)
    assert done.returncode == 1
    assert [json.loads(line) for line in done.stdout.splitlines()] == [{"file": str(SESSION), "trace_id": TRACE_ID}] * 2
    assert done.stderr.splitlines()[0].startswith(f"{bad}: ")


def test_receipts_are_kept_by_trace_as_the_verifying_commands_read_them(tmp_path: Path, gateway: FakeGateway) -> None:
    done = cli(tmp_path, "submit", str(SESSION), "--receipts", str(tmp_path), GATEWAY_URL=gateway.url)
    assert (done.returncode, done.stdout) == (0, f"{TRACE_ID}  session.json\n"), done.stderr
    kept = read_receipts((tmp_path / f"{TRACE_ID}.receipts.json").read_bytes())
    assert [one["signature"] for one in kept] == ["signature"]
    assert cli(tmp_path, "submit", str(SESSION), "--receipts", str(tmp_path / "no")).returncode == 2


def test_results_of_scripts_are_one_json_document_and_nothing_beside(tmp_path: Path, gateway: FakeGateway) -> None:
    gateway.documents = [{**DONE, "qa": {"validation": {"verdict": "fixed"}, "judge": {"overall": 4.5}}}]
    done = cli(tmp_path, "results", TRACE_ID, "--json", GATEWAY_URL=gateway.url)
    assert (done.returncode, done.stderr) == (0, "")
    assert [(line["verdict"], line["queryable_s"]) for line in json.loads(done.stdout)] == [("fixed", 1.5)]


def test_of_several_traces_the_one_that_is_not_to_be_had_is_named_and_the_others_come(
    tmp_path: Path, gateway: FakeGateway
) -> None:
    gateway.documents = [{**DONE, "qa": {"validation": {"verdict": "fixed"}, "judge": {"overall": 4.5}}}]
    gateway.failures = [JSONResponse({"title": "Not found", "detail": "no such trace"}, 404)]
    done = cli(tmp_path, "results", "trace-bad", TRACE_ID, "--json", GATEWAY_URL=gateway.url)
    assert (done.returncode, done.stderr) == (1, "trace-bad: 404 Not found: no such trace\n")
    assert [line["trace"] for line in json.loads(done.stdout)] == [TRACE_ID]


def test_an_erasure_is_asked_about_where_a_gateway_is_there(tmp_path: Path, gateway: FakeGateway) -> None:
    said = [cli(tmp_path, "erase", TRACE_ID, said=answer, GATEWAY_URL=gateway.url) for answer in ("n\n", "y\n")]
    assert [done.returncode for done in said] == [1, 0]
    assert all("Erase?" in done.stderr for done in said)
    assert [seen.path for seen in gateway.seen if seen.method == "DELETE"] == [f"/v1/traces/{TRACE_ID}"]
    assert said[1].stdout.strip() == TRACE_ID


@pytest.mark.parametrize("command", [("dlq", "list", "--since"), ("replay", "--topic", "rescores", "--to")])
def test_a_time_that_is_none_is_answered_with_the_forms_of_one(tmp_path: Path, command: tuple[str, ...]) -> None:
    done = cli(tmp_path, *command, "yesterday")
    assert (done.returncode, FORMS in done.stderr) == (2, True), done.stderr
    assert FORMS.split()[0] in cli(tmp_path, *command[:-1], "--help").stdout


@pytest.mark.parametrize(
    ("text", "expected_ms"),
    [
        ("1970-01-02", 86_400_000),
        ("1970-01-01T00:01", 60_000),
        ("1970-01-01T01:00:01+01:00", 1_000),
        ("1970-01-01T00:00:00.250Z", 250),
    ],
)
def test_a_time_is_in_utc_where_it_names_no_zone(text: str, expected_ms: int) -> None:
    assert at_ms(text) == expected_ms


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--key", "http://127.0.0.1/keys"), "--key http://127.0.0.1/keys: this is neither a file"),
        (("--key", VKEY), "bundle.json: this is no bundle: "),
        (("--key", VKEY, "--receipt", "{folder}/bundle.json"), "cannot be checked without the gateway's keys"),
    ],
)
def test_what_cannot_be_read_for_a_verification_is_named(tmp_path: Path, options: tuple[str, ...], told: str) -> None:
    (tmp_path / "bundle.json").write_text("{}")
    given = [option.format(folder=tmp_path) for option in options]
    done = cli(tmp_path, "verify", str(tmp_path / "bundle.json"), *given)
    assert (done.returncode, len(done.stderr.strip().splitlines())) == (2, 1), done.stderr
    assert told in done.stderr


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        (
            "Received ClickHouse exception, code: 62, server response: Code: 62. DB::Exception: Syntax error: failed "
            f"at position 1 (SELEC). Expected one of: {'SELECT, ' * 99}end. (SYNTAX_ERROR) (version 26) (for url http://h:1)",
            "Code: 62. DB::Exception: Syntax error: failed at position 1 (SELEC). (SYNTAX_ERROR) (version 26)",
        ),
        ("ClickHouse at http://h:1 cannot be reached: refused", "ClickHouse at http://h:1 cannot be reached: refused"),
        ("Expected one of: AND, OR (SYNTAX_ERROR)", "Expected one of: AND, OR (SYNTAX_ERROR)"),
    ],
)
def test_a_refused_query_is_told_in_the_words_that_help(said: str, shown: str) -> None:
    assert WRAPPING.sub("", said) == shown


def test_a_commit_goes_in_as_a_trace_with_the_task_and_the_name_it_is_given(
    tmp_path: Path, gateway: FakeGateway
) -> None:
    repository = make_repository(tmp_path / "calc", START)
    commit(repository, {"calc.py": FIXED.encode()})
    told = ("--repo", str(repository.folder), "--task-id", "calc-1", "--participant", "anna")
    done = cli(tmp_path, "import", "--format", "git-commit", *told, "HEAD", "HEAD~1", GATEWAY_URL=gateway.url)
    assert done.returncode == 1
    assert "HEAD~1: " in done.stderr
    assert "has no parent" in done.stderr
    assert done.stdout.split()[:3] == [TRACE_ID, "HEAD", "git-commit:"]
    posted = [seen for seen in gateway.seen if seen.path == "/v1/traces"]
    created = json.loads(posted[-1].body)
    assert (created["task_id"], created["participant_id"]) == ("calc-1", "anna")
    assert created["start_commit"] == repository.commit
    uploaded = [seen for seen in gateway.seen if seen.method == "PUT"][-1]
    assert uploaded.body.startswith(b"# v2 git bundle")


def test_the_help_names_every_rule_of_personal_data() -> None:
    assert [rule for rule in personal_rules() if rule not in REDACT_HELP] == []


@pytest.mark.parametrize(
    "wrong",
    [
        ("redrive",),
        ("drop",),
        ("list", "--topic", "control"),
        ("list", "--offsets", "1-2"),
        ("list", "--topic", "trace-log", "--offsets", "x"),
        ("show", "trace-log.dlq"),
    ],
)
def test_letters_that_are_not_named_well_are_wrong_usage(tmp_path: Path, wrong: tuple[str, ...]) -> None:
    done = cli(tmp_path, "dlq", *wrong)
    assert (done.returncode, len(done.stderr.strip().splitlines())) == (2, 1), done.stderr
