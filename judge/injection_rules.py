"""The rules of the data file, and which of them a text may match. RE2 runs them: linear in the text, whatever it is."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import re2
import yaml

DATA = Path(__file__).with_name("injection_rules.yaml")
_WORDS = re.compile(r"\{([a-z_]+)\}")


@dataclass(frozen=True, slots=True)
class Rule:
    """One way in which text speaks to a judge model. `example` is a text that it finds."""

    id: str
    pattern: Any
    example: str

    def spans(self, text: str) -> Iterator[tuple[int, int]]:
        """Where the text, lower-cased, matches."""
        return (found.span() for found in self.pattern.finditer(text))


@cache
def rules() -> tuple[Rule, ...]:
    """The rules in the order of the data file. Raises re2.error for a pattern that RE2 does not take."""
    data: dict[str, Any] = yaml.safe_load(DATA.read_text())
    return tuple(
        Rule(
            entry["id"],
            re2.compile(_WORDS.sub(lambda name: data["words"][name[1]], entry["pattern"])),
            entry["example"],
        )
        for entry in data["rules"]
    )
