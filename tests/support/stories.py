"""Replays of the told example sessions in a real checkout: what git and pytest say at each moment of the story."""

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from clients.recorded import Session
from examples.workspaces import git

OUTCOME_LINE = re.compile(r"^(\S+::.+?) (PASSED|FAILED|ERROR|SKIPPED)\b", re.MULTILINE)


def checkout(session: Session, folder: Path) -> Path:
    """The start commit of `session`, cloned from its bundle into `folder`."""
    assert session.workspace is not None
    assert session.trace.start_commit is not None
    bundle, repo = folder / "workspace.bundle", folder / "repo"
    bundle.write_bytes(session.workspace)
    git(folder, "clone", "--quiet", str(bundle), str(repo))
    git(repo, "checkout", "--quiet", session.trace.start_commit)
    return repo


def apply_diff(repo: Path, diff: str) -> None:
    """Apply a unified diff with git, exactly: neither fuzz nor whitespace is forgiven."""
    patch = repo.parent / "change.patch"
    patch.write_text(diff)
    git(repo, "apply", "--whitespace=error-all", str(patch))


def shell(repo: Path, command: str) -> tuple[int, str]:
    """Exit code and output of a command of the story, run by this interpreter's Python and free of pytest plugins."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = os.environ | {
        "PATH": path,
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        "COLUMNS": "200",
        "LC_ALL": "C",
    }
    done = subprocess.run(
        command, shell=True, cwd=repo, env=environment, capture_output=True, text=True, check=False, timeout=60
    )
    return done.returncode, done.stdout + done.stderr


def real_outcomes(repo: Path, command: str) -> dict[str, str]:
    """Status by test id, as `command` (a pytest call) really gives it now."""
    _, output = shell(repo, f"{command} -vv -p no:cacheprovider")
    return {test: status.lower() for test, status in OUTCOME_LINE.findall(output)}


def results_claimed(event: Mapping[str, Any]) -> dict[str, str]:
    """Status by test id, as a test_run event claims it."""
    return {result["id"]: result["status"] for result in event["results"]}
