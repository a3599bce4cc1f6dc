"""The table of docs/findings.md, derived from the code. `python -m tests.support.findings` writes it in place."""

import re
from pathlib import Path

from schemas.findings import MEANINGS

DOC = Path(__file__).parents[2] / "docs" / "findings.md"


def with_table(text: str) -> str:
    """The page with its table written anew."""
    lines = ["| finding | what was found | offsets | speaks against |", "|---|---|---|---|"]
    for kind, meaning in MEANINGS.items():
        lines.append(f"| `{kind}` | {meaning.found} | {meaning.offsets} | {meaning.against or 'neither'} |")
    table = "\n".join(lines)
    text, found = re.subn(
        r"(<!-- findings -->\n).*?(<!-- /findings -->)", lambda m: f"{m[1]}{table}\n{m[2]}", text, flags=re.DOTALL
    )
    assert found == 1, "the table has no place"
    return text


if __name__ == "__main__":
    DOC.write_text(with_table(DOC.read_text()))
