"""The console command `pr-telemetry`. Exit status: 0 done, 1 failed, 2 wrong usage, 3 (status) nothing runs."""

import logging
import os

import typer

from pipeline.cli import (
    access,
    auditing,
    bundles,
    control,
    deadletters,
    erasing,
    exporting,
    granting,
    importing,
    labelling,
    policies,
    queries,
    receipts,
    replaying,
    reporting,
    rescoring,
    revalidating,
    rubrics,
    runs,
    sessions,
    texts,
    validating,
)
from pipeline.telemetry import logs_beside_results

app = typer.Typer(no_args_is_help=True, add_completion=False, rich_markup_mode=None)
app.command("up")(control.up)
app.command("down")(control.down)
app.command("status")(control.status)
app.command("logs")(control.logs)
app.command("submit")(sessions.submit_files)
app.command("import")(importing.import_files)
app.command("validate")(validating.validate)
app.command("view")(sessions.view)
app.command("results")(sessions.results)
app.command("verify-receipt")(receipts.verify_receipt)
app.command("bundle")(bundles.bundle)
app.command("verify")(bundles.verify_bundle)
app.command("sql")(queries.sql)
app.command("grants")(granting.grants)
app.command("erase")(erasing.erase)
app.command("audit")(auditing.audit_log)
app.command("replay")(replaying.replay)
app.command("rescore")(rescoring.rescore)
app.command("revalidate")(revalidating.revalidate)
app.command("export")(exporting.export)
app.command("policy")(policies.policy)
app.command("policies")(policies.policies)
app.command("report")(reporting.report)
app.command("redact")(texts.redact)
app.add_typer(access.key_app, name="key")
app.add_typer(access.token_app, name="token")
app.add_typer(deadletters.dlq_app, name="dlq")
app.add_typer(rubrics.rubric_app, name="rubric")
app.add_typer(runs.run_app, name="run")
app.add_typer(labelling.label_app, name="label")


@app.callback()
def follow_the_running_stack() -> None:
    """Capture bug-fixing sessions, prove they are untouched, re-run their tests, score the work, query it all.

    Exit status: 0 done, 1 failed, 2 wrong usage, 3 (status only) nothing runs.
    """
    logs_beside_results()
    # Libraries' warnings would go to stderr beside the one line that says what went wrong.
    logging.getLogger().addHandler(logging.NullHandler())
    # Where a stack of this home runs on ports of its own, its addresses serve as defaults; the environment wins.
    home = control.this_home()
    if addresses := home.status().get("addresses", {}):
        for name, value in {**addresses, "OBJECT_STORE_DIR": str(home.data("objects"))}.items():
            os.environ.setdefault(name, value)


def main() -> None:
    """Entry point of the console command."""
    app()
