"""The data set's card: README.md with the head that Hugging Face reads, and what a user must know before using it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from pipeline.exports.formats import Format
from pipeline.exports.splits import NAMES
from pipeline.exports.tally import Counts

_FOR = {
    "training": "training and analysis: every participant consented to `training`",
    "research": "research only, not for training models: it has traces whose participants consented to no more",
}
_TABLES = (
    ("verdict", "Traces by split and verdict", "split / verdict of the sandbox"),
    ("project", "Traces by project", "project"),
    ("records", "Records by part and split", "part / split"),
    ("left out", "Selected and left out", "reason"),
    ("taken out", "Records taken out again, though counted in the other tables", "reason"),
    ("rubric", "Rubrics of the scores", "rubric, version, digest"),
    ("judge", "Judges of the scores", "judge, model, digest of all that determines its answers"),
)


def card(asked: Mapping[str, Any], form: Format, licence: str, counts: Counts, parquet: bool = False) -> str:
    """The card. `parquet`: what is written as lines is there as Parquet too."""
    written = sum(counts.get("split", {}).values())
    ending = "-*.parquet" if parquet else "-*.jsonl"
    paths = {**dict.fromkeys(form.columns, ending), **{part: f"/*{end}" for part, end in form.rows.items()}}
    configs = _configs(paths, counts)
    head = {
        "license": licence,
        "tags": ["pr-telemetry", asked["format"], *(["agent-traces"] if form.rows else [])],
        "configs": configs,
        "dataset_info": [_info(part["config_name"], form) for part in configs if part["config_name"] in form.columns],
        # Without lines there is nothing that the viewer of data sets could show.
        **({} if configs else {"viewer": False}),
    }
    text = [
        f"---\n{yaml.safe_dump({key: value for key, value in head.items() if value != []}, sort_keys=False)}---",
        "# Bug-fixing sessions",
        f"{written} traces as {form.means}. For {_FOR[asked['purpose']]}. Licence: {licence}.",
        _selected(asked),
        f"Splits {asked['splits']} (train/validation/test, percent of repositories), seed {asked['seed']}: a repository"
        " is in one split only, whatever its traces, and with it are its forks: what has the same last name, or a start"
        " commit in common. Shares of traces follow from that. A pair counts two traces.",
        *(_table(title, column, counts[kind]) for kind, title, column in _TABLES if counts.get(kind)),
        "## Personal data",
        "Secrets were replaced before anything was stored, by typed placeholders `[REDACTED:<rule>:<hash>]`; so were"
        " the personal data that the policy of a project names. Private workspaces are in no export, stored files"
        " neither. "
        + (
            "Participants are named as their clients named them."
            if asked["keep_participants"]
            else "Participants have pseudonyms of this export; the key is not kept."
        ),
        _table("Redacted in the exported traces", "rule", counts.get("redaction", {})),
        _table("Found by the rules in what was exported", "rule", counts.get("remains", {})),
        "The second table counts what the same rules find in the files here, rules of personal data included, which a"
        " project may have left off: look at these before you publish. Names in free text are found by no rule.",
    ]
    return "\n\n".join(text) + "\n"


def _selected(asked: Mapping[str, Any]) -> str:
    said = ", ".join(f"{name} `{value}`" for name, value in sorted(asked["selection"].items()) if name != "seed")
    return f"Selected: {said or 'everything'}; latest revisions only."


def _configs(paths: Mapping[str, str], counts: Counts) -> list[dict[str, Any]]:
    configs = []
    for part, path in sorted(paths.items()):
        splits = [name for name in NAMES if counts.get("records", {}).get(f"{part}/{name}")]
        files = [{"split": name, "path": f"{part}/{name}{path}"} for name in splits]
        configs += [{"config_name": part, "data_files": files}] if files else []
    return configs


def _info(part: str, form: Format) -> dict[str, Any]:
    """The types of a part's columns. A reader that guessed them from the first lines would fail at the first score
    after lines without one."""
    return {"config_name": part, "features": _features(form.columns[part])}


def _features(columns: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [
        {"name": name, "list": _features(of[0])} if isinstance(of, list) else {"name": name, "dtype": of}
        for name, of in columns.items()
    ]


def _table(title: str, column: str, counts: Mapping[str, int]) -> str:
    lines = [f"### {title}", "", f"| {column} | count |", "|---|---|"]
    lines += [f"| {name.replace('|', '/')} | {count} |" for name, count in sorted(counts.items())]
    return "\n".join(lines if counts else [f"### {title}", "", "None."])
