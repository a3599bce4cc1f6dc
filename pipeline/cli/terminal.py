"""How every command speaks: results on stdout, everything else on stderr, a failure as one line and an exit status.

`--json` prints one JSON document; `submit` and `import` print one a line, as each file gets its answer.
"""

from typing import Annotated

import typer
from rich.console import Console

Json = Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")]
WRONG_USAGE = 2
out, err = Console(), Console(stderr=True)


def note(text: str) -> None:
    """Tell a person what was done, where a script has nothing to read."""
    err.print(text, markup=False, highlight=False, soft_wrap=True)


def fail(text: str, status: int = 1) -> typer.Exit:
    """Say what went wrong, never wrapped by us, so that a script finds it in one line; to be raised."""
    err.print(text, style="red", markup=False, highlight=False, soft_wrap=True)
    return typer.Exit(status)
