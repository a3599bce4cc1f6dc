"""What Grafana and its ClickHouse data source make of a dashboard: its queries, with variables and macros filled in.

The macros are those that the dashboards use, with the expansions of the data source's release that panels.PLUGIN names:
`$__conditionalAll` in the browser, then the variables, then the macros over time in its backend.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from deploy.grafana.__main__ import FOLDER

ALL = ("$__all",)
CONDITIONAL = re.compile(r"\$__conditionalAll\(((?:[^()]|\([^()]*\))*),\s*\$(\w+)\)")
QUOTED = re.compile(r"\$\{(\w+):singlequote\}")
MACRO = re.compile(r"\$__(\w+)(?:\(([^()]*)\))?")
LEFT_OVER = re.compile(r"\$\w+|\$\{")


@dataclass(frozen=True)
class Query:
    """A query of a dashboard: `kind` of the panel, or `variable` or `annotation`; `node` is what holds it."""

    board: str
    kind: str
    title: str
    node: Mapping[str, Any]
    sql: str

    @property
    def name(self) -> str:
        """For people."""
        return f"{self.board.removeprefix('pr-telemetry-')}: {self.title}"


@dataclass(frozen=True)
class Viewer:
    """Who looks: from when until when, one point for how many seconds, and what is chosen of each variable."""

    since: datetime
    until: datetime
    interval_s: int
    chosen: Mapping[str, Sequence[str]]


def boards() -> dict[str, dict[str, Any]]:
    """The files that Grafana is given, by name."""
    return {path.name: json.loads(path.read_text()) for path in sorted(Path(FOLDER).glob("*.json"))}


def queries() -> list[Query]:
    """All queries of all dashboards."""
    return [query for board in boards().values() for query in _queries(board)]


def _queries(board: Mapping[str, Any]) -> Iterator[Query]:
    for panel in board["panels"]:
        for target in panel["targets"]:
            yield Query(board["uid"], panel["type"], panel["title"], panel, target["rawSql"])
    for variable in board["templating"]["list"]:
        if variable["type"] == "query":
            yield Query(board["uid"], "variable", variable["name"], variable, variable["query"]["rawSql"])
    for annotation in board["annotations"]["list"]:
        yield Query(board["uid"], "annotation", annotation["name"], annotation, annotation["target"]["rawSql"])


def filled_in(sql: str, viewer: Viewer) -> str:
    """The statement that reaches ClickHouse. Raises KeyError for a variable or a macro that is not known."""
    chosen = QUOTED.sub(lambda found: _quoted(viewer.chosen[found[1]]), CONDITIONAL.sub(_condition(viewer), sql))
    done = MACRO.sub(lambda found: _macros(viewer)[found[1]].format(found[2]), chosen)
    if left := LEFT_OVER.search(done):
        raise KeyError(left[0])
    return done


def _condition(viewer: Viewer) -> Any:
    return lambda found: "1=1" if tuple(viewer.chosen[found[2]]) == ALL else found[1]


def _quoted(values: Sequence[str]) -> str:
    return ",".join("'" + value.replace("'", r"\'") + "'" for value in values)


def _macros(viewer: Viewer) -> dict[str, str]:
    since, until = (f"toDateTime({round(at.timestamp())})" for at in (viewer.since, viewer.until))
    return {
        "fromTime": since,
        "toTime": until,
        "timeFilter": f"{{0}} >= {since} AND {{0}} <= {until}",
        "timeInterval": f"toStartOfInterval(toDateTime({{0}}), INTERVAL {viewer.interval_s} second)",
    }
