"""The notebook of examples/notebooks, run by a real kernel over the cookbook's sessions.

`python -m tests.support.notebook` runs it on an engine of its own and stores what comes out in the notebook, so that
it can be read without running anything; counts, times and widgets, which differ each time, are left out.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient

from pipeline.settings import ClickHouseSettings
from tests.support.cookbook import filled
from tests.support.data import PROJECT
from tests.support.ports import accepts_connections, free_port
from tests.support.processes import running
from tests.support.stack import ANALYST_PASSWORD, clickhouse_command

NOTEBOOK = PROJECT / "examples" / "notebooks" / "bug_fixing_sessions.ipynb"
AGAIN = "make it anew: python -m tests.support.notebook"
TEXT, PICTURE = "text/plain", "image/png"


def stored() -> Any:
    """The notebook as it is in the repository."""
    return nbformat.reads(NOTEBOOK.read_text(), as_version=4)  # type: ignore[no-untyped-call]


def environment_of(settings: ClickHouseSettings) -> dict[str, str]:
    """What the notebook needs to ask this database instead of the one of `make up`."""
    return {
        "CLICKHOUSE_URL": settings.clickhouse_url,
        "CLICKHOUSE_DATABASE": settings.clickhouse_database,
        "CLICKHOUSE_ANALYST_PASSWORD": settings.clickhouse_analyst_password,
    }


def executed(settings: ClickHouseSettings) -> Any:
    """The notebook after a run of all its cells. Raises nbclient's CellExecutionError when one fails."""
    notebook = stored()
    client = NotebookClient(notebook, timeout=60, resources={"metadata": {"path": str(NOTEBOOK.parent)}})
    with tempfile.TemporaryDirectory() as folder:
        # Not over ports, which others on this machine could listen to: the kernel would warn of it.
        manager = client.create_kernel_manager()
        manager.transport, manager.ip = "ipc", f"{folder}/kernel"
        client.execute(env=os.environ | environment_of(settings))
    return cleaned(notebook)


def cleaned(notebook: Any) -> Any:
    """The same notebook with those outputs alone that come out again."""
    for cell in notebook.cells:
        cell.metadata.clear()
        if cell.cell_type == "code":
            cell.execution_count = None
            cell.outputs = [_cleaned(output) for output in cell.outputs]
    notebook.metadata = {"kernelspec": notebook.metadata.kernelspec, "language_info": {"name": "python"}}
    return notebook


def _cleaned(output: Any) -> Any:
    if "execution_count" in output:
        output.execution_count = None
    if PICTURE in output.get("data", {}):
        # Its text is the address of an object.
        output.data = {PICTURE: output.data[PICTURE]}
        output.metadata = {}
    return output


def main() -> None:
    """Write the notebook anew."""
    with tempfile.TemporaryDirectory() as folder:
        port = free_port()
        command, log = clickhouse_command(port, Path(folder) / "data"), Path(folder) / "clickhouse.log"
        environment = {"CLICKHOUSE_PASSWORD": "", "CLICKHOUSE_ANALYST_PASSWORD": ANALYST_PASSWORD}
        with running(command, log, lambda: accepts_connections(port), environment):
            settings = filled(f"http://127.0.0.1:{port}", "telemetry", ANALYST_PASSWORD)
            NOTEBOOK.write_text(nbformat.writes(executed(settings)) + "\n")  # type: ignore[no-untyped-call]


if __name__ == "__main__":
    main()
