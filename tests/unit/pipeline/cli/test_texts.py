"""`pr-telemetry redact` gives the text without its secrets on one stream and their counts on the other."""

from typer.testing import CliRunner

from pipeline.cli import app

TOKEN = "gh" + "p_16C7e42F292c6912E7710c838347Ae178B4a"


def test_redact_copies_without_secrets_and_counts_them() -> None:
    result = CliRunner().invoke(app, ["redact"], input=f"a\n{TOKEN}\nb\n")
    assert result.exit_code == 0
    assert result.stdout.startswith("a\n[REDACTED:github-token:")
    assert result.stdout.endswith("]\nb\n")
    assert result.stderr == "github-token: 1\n"
