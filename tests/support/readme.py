"""The README's tables, derived from the code. `python -m tests.support.readme` writes them in place."""

import re
from pathlib import Path

from pipeline.settings import GROUPS
from schemas.topics import TOPICS

README = Path(__file__).parents[2] / "README.md"


def topics_table() -> str:
    """One line a topic."""
    lines = ["| topic | records | key | partitions dev / prod | written by | read by |", "|---|---|---|---|---|---|"]
    for topic in TOPICS:
        records = ", ".join(f"`{name}`" for name in topic.records)
        partitions = f"{topic.partitions[0]} / {topic.partitions[1]}"
        writers, readers = (", ".join(names) or "nobody yet" for names in (topic.writers, topic.readers))
        lines.append(f"| `{topic.name}` | {records} | {topic.key} | {partitions} | {writers} | {readers} |")
    return "\n".join(lines)


def settings_table() -> str:
    """One line a setting."""
    lines = ["| variable | default | meaning |", "|---|---|---|"]
    # Groups may share a setting.
    for name, field in {name: field for group in GROUPS for name, field in group.model_fields.items()}.items():
        default = "" if field.default in (None, "") else f"`{field.default}`"
        lines.append(f"| `{name.upper()}` | {default} | {field.description} |")
    return "\n".join(lines)


TABLES = {"topics": topics_table, "settings": settings_table}


def with_tables(text: str) -> str:
    """The README with each table between its markers written anew."""

    def table(match: re.Match[str]) -> str:
        return f"{match[1]}{TABLES[match[2]]()}\n{match[3]}"

    text, found = re.subn(r"(<!-- (\w+) -->\n).*?(<!-- /\2 -->)", table, text, flags=re.DOTALL)
    assert found == len(TABLES), "a table has no place"
    return text


if __name__ == "__main__":
    README.write_text(with_tables(README.read_text()))
