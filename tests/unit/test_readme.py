"""The README shows what is there: topics, settings, packages, commands."""

import pytest
import typer

from pipeline.cli import app
from tests.support.readme import README, with_tables

TEXT = README.read_text()
ROOT = README.parent
PACKAGES = sorted(path.parent.name for path in ROOT.glob("*/__init__.py"))
COMMANDS = sorted(typer.main.get_command(app).commands)  # type: ignore[attr-defined]


def test_its_tables_are_those_of_the_code() -> None:
    assert with_tables(TEXT) == TEXT


@pytest.mark.parametrize("package", PACKAGES)
def test_every_package_has_its_paragraph(package: str) -> None:
    assert f"**`{package}/`**" in TEXT


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_named(command: str) -> None:
    assert f"`pr-telemetry {command}" in TEXT


def test_every_make_target_is_named() -> None:
    lines = (ROOT / "Makefile").read_text().splitlines()
    targets = [line.split(":")[0] for line in lines if "## " in line and not line.startswith("\t")]
    assert len(targets) <= 10
    assert [target for target in targets if f"make {target}" not in TEXT] == []
