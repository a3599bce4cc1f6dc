"""The SQL that lets analysts into a ClickHouse server."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from pipeline.analysts import LIMITS, SHARED, limits, server_statements
from pipeline.cli import app
from pipeline.cli.granting import script
from pipeline.cli.tables import said
from pipeline.clickhouse import QueryFailed
from pipeline.settings import AnalystSettings

FILE = Path(__file__).parents[3] / "deploy/clickhouse/access.sql"
AGAIN = "pr-telemetry grants > deploy/clickhouse/access.sql makes the file anew"
MOST = AnalystSettings(clickhouse_analyst_memory_mb=1, clickhouse_analyst_hourly_s=60)


def test_the_file_is_what_the_command_prints_by_default() -> None:
    assert FILE.read_text() == script(AnalystSettings(), "telemetry", [], []), AGAIN


def test_no_limit_can_be_lifted_by_zero() -> None:
    profile = server_statements(MOST, "d")[1]
    assert profile.count("MIN 1 MAX") == len(LIMITS) == len(limits(MOST))
    assert "max_memory_usage = 1048576 MIN 1 MAX 1048576 CHANGEABLE_IN_READONLY" in profile
    assert "readonly = 1," in profile


def test_a_role_of_a_project_reads_the_views_that_have_one_and_nothing_else() -> None:
    statements = server_statements(MOST, "d", ["acme", "b-1"], ["v1_traces", "v1_events"])
    grants = {line for line in statements if line.startswith("GRANT") and "analysts_acme" in line}
    views = ("v1_traces", "v1_events", *SHARED)
    assert grants == {
        "GRANT dictGet ON d.v1_dict_rubric_weights TO `analysts_acme`",
        *(f"GRANT SELECT ON d.{view} TO `analysts_acme`" for view in views),
    }
    assert (
        "CREATE ROW POLICY OR REPLACE `analysts_b-1` ON d.v1_events FOR SELECT USING project IN ('b-1')"
        " TO `analysts_b-1`" in statements
    )
    assert (
        "CREATE ROW POLICY OR REPLACE analysts_others ON d.v1_traces FOR SELECT USING 1"
        " TO ALL EXCEPT `analysts_acme`, `analysts_b-1`" in statements
    )


def test_nobody_is_let_in_before_what_holds_them() -> None:
    kinds = [statement.split()[0] for statement in server_statements(MOST, "d", ["acme"], ["v1_traces"])]
    assert kinds.index("GRANT") > len(kinds) - 1 - kinds[::-1].index("CREATE")


def test_without_a_project_no_server_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLICKHOUSE_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("CLICKHOUSE_ANALYST_SECONDS", "7")
    done = CliRunner().invoke(app, ["grants"])
    assert (done.exit_code, "max_execution_time = 7 MIN 1 MAX 7" in done.stdout) == (0, True)
    with_project = CliRunner().invoke(app, ["grants", "--project", "acme"])
    assert (with_project.exit_code, "cannot be reached" in with_project.stderr) == (1, True)


def test_a_project_that_can_be_none_is_refused() -> None:
    done = CliRunner().invoke(app, ["grants", "--project", "a'b"])
    assert (done.exit_code, done.stdout) == (2, "")


@pytest.mark.parametrize(
    ("words", "setting"),
    [
        ("Code: 241. DB::Exception: Query memory limit exceeded", "CLICKHOUSE_ANALYST_MEMORY_MB"),
        ("Code: 159. DB::Exception: Timeout exceeded", "CLICKHOUSE_ANALYST_SECONDS"),
        ("Code: 396. DB::Exception: Limit for result exceeded, max rows: 1", "CLICKHOUSE_ANALYST_ROWS"),
        ("Code: 396. DB::Exception: Limit for temporary files size exceeded", "CLICKHOUSE_ANALYST_MEMORY_MB"),
        ("Code: 202. DB::Exception: Too many simultaneous queries", "CLICKHOUSE_ANALYST_QUERIES"),
        ("Code: 201. DB::Exception: Quota for user", "CLICKHOUSE_ANALYST_HOURLY_S"),
        ("Code: 497. DB::Exception: Not enough privileges.", "SHOW TABLES"),
    ],
)
def test_a_limit_is_told_in_one_line_that_says_what_to_do(words: str, setting: str) -> None:
    line = said(QueryFailed(f"Received ClickHouse exception, code: 1, server response: {words}\n (for url http://x)"))
    assert line.startswith(f"{words}: ")
    assert setting in line
    assert "\n" not in line


def test_other_refusals_are_clickhouse_s_own_words() -> None:
    assert said(QueryFailed("Code: 60. DB::Exception: no table")) == "Code: 60. DB::Exception: no table"
