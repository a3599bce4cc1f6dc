"""`run ...`: what is done with runs of grades."""

import typer

from pipeline.cli.run_diff import diff

run_app = typer.Typer(no_args_is_help=True, help="Runs of grades: compared.")
run_app.command("diff")(diff)


@run_app.callback()
def _group() -> None:
    """A group even with one command."""
