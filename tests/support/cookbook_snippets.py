"""The commands for other clients at the end of docs/cookbook.md: what the page says comes out, and what does."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import dataclass
from urllib.parse import urlsplit

from pipeline.settings import ClickHouseSettings
from tests.support.cookbook import FOLDER
from tests.support.data import PROJECT

SNIPPET = re.compile(r"```(sh|python)\n(.+?)```\n\n```\n(.*?)```", re.DOTALL)


@dataclass(frozen=True)
class Snippet:
    """A command and what the page says comes out; `needs_pandas`: more than the project installs."""

    kind: str
    text: str
    shown: str

    @property
    def needs_pandas(self) -> bool:
        """Whether a notebook's libraries are needed."""
        return "query_df" in self.text


def snippets() -> list[Snippet]:
    """All of them, in the order of the page."""
    return [Snippet(*found) for found in SNIPPET.findall((FOLDER / "tail.md").read_text())]


def run(snippet: Snippet, settings: ClickHouseSettings, python: str = sys.executable) -> str:
    """What the command prints when it asks this database instead of the one of `make up`."""
    # The notebook goes on with the client of the snippet before it.
    begun = next(one.text for one in snippets() if one.kind == "python") if snippet.needs_pandas else ""
    text = _pointed(begun.partition("recipe =")[0] + snippet.text, settings)
    command = ["bash", "-c", text] if snippet.kind == "sh" else [python, "-c", text]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, timeout=60, check=False)
    return done.stdout or done.stderr


def _pointed(text: str, settings: ClickHouseSettings) -> str:
    """The address, password and database of the embedded stack, replaced; each stands in every snippet once."""
    values = {
        r"(127\.0\.0\.1:|port=)8123": urlsplit(settings.clickhouse_url).port,
        r'(password="?)analyst': settings.clickhouse_analyst_password,
        r'(database="?)telemetry': settings.clickhouse_database,
    }
    for pattern, value in values.items():
        text, count = re.subn(pattern, rf"\g<1>{value}", text)
        assert count == 1, pattern
    return text
