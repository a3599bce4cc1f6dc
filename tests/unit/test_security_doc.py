"""The security table names tests that exist, and its roles are those of the code."""

import re
from pathlib import Path

from pipeline.access import ROLES

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "security.md").read_text()
COLUMNS = ("write", "read", "read-files", "erase")


def test_every_threat_has_a_control_and_a_test_that_exists() -> None:
    table = TEXT.split("## Threats")[1].split("## ")[0]
    rows = [line.strip("|").split("|") for line in table.splitlines() if line.startswith("| ")][1:]
    assert len(rows) > 10
    for threat, control, shown in rows:
        assert threat.strip()
        assert control.strip()
        named = re.findall(r"`(tests/[^`]+)`", shown)
        assert named
        assert [name for name in named if not (ROOT / name).is_file()] == []


def test_roles_are_those_of_the_code() -> None:
    table = TEXT.split("| role |")[1].split("\n\n")[0]
    lines = re.findall(r"^\| `(\w+)` \|([^|]*)\|([^|]*)\|([^|]*)\|([^|]*)\|$", table, re.MULTILINE)
    told = {role: {name for name, cell in zip(COLUMNS, cells, strict=True) if "yes" in cell} for role, *cells in lines}
    assert told == {role: set(permissions) for role, permissions in ROLES.items()}
