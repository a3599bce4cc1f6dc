"""Dashboards as values, and the JSON that Grafana provisions (its classic dashboard schema, version 42).

A statement is SQL for the official ClickHouse data source. `PROJECTS(column)` in it becomes the choice of projects,
`$__timeFilter(column)` and `$__timeInterval(column)` are the data source's own macros. Each kind of panel has one form
of answer, which the tests hold it to:

- `timeseries`: a column `time`, then numbers; with `series`, a text column of that name between them that tells series
  apart. Rows in the order of time.
- `stat`, `bargauge`: one row of numbers, a bar or a value for each.
- `barchart`: a text column, then numbers.
- `table`: anything.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from textwrap import dedent
from typing import Any

SOURCE = {"type": "grafana-clickhouse-datasource", "uid": "pr-telemetry"}
PLUGIN = "4.20.0"
"""Release of the data source that queries are written for; docker-compose.kafka.yml installs it."""
SCHEMA = 42
WIDTH = 24
TAG = "pr-telemetry"
PROJECTS = re.compile(r"PROJECTS\(([\w.]+)\)")
TABLE = 1
QUERY_FORMATS = {"timeseries": 0}
"""What the data source makes of an answer: 0 series over time, 1 a table."""


@dataclass(frozen=True, kw_only=True)
class Panel:
    """One panel, `width` of 24 columns wide. `unit` is one of Grafana's ids; `units` those of single columns.

    `steps` colour values from there on: `{0: "green", 1: "red"}` is red from 1 on.
    """

    kind: str
    title: str
    description: str
    sql: str
    width: int
    height: int = 8
    unit: str = "short"
    units: Mapping[str, str] = field(default_factory=dict)
    series: str = ""
    bars: bool = False
    steps: Mapping[float, str] = field(default_factory=dict)
    decimals: int | None = None


@dataclass(frozen=True, kw_only=True)
class Variable:
    """What a viewer may choose: of the values of `sql`, several or all; without `sql` a text to type in."""

    name: str
    label: str
    description: str
    sql: str = ""
    value: str = ""


@dataclass(frozen=True, kw_only=True)
class Annotation:
    """Moments that every panel over time marks: columns `time` and `text`."""

    name: str
    sql: str


@dataclass(frozen=True, kw_only=True)
class Board:
    """One dashboard: its file is `<uid>.json`. `since` is the span it opens with, `interval` its shortest step."""

    uid: str
    title: str
    description: str
    since: str
    interval: str
    rows: tuple[tuple[Panel, ...], ...]
    variables: tuple[Variable, ...] = ()
    annotations: tuple[Annotation, ...] = ()


PROJECT = Variable(
    name="project",
    label="Project",
    description="Projects that are shown; dead letters and runs that belong to none are always shown.",
    sql="SELECT DISTINCT project FROM v1_progress ORDER BY project",
)


def document(board: Board) -> dict[str, Any]:
    """The dashboard as Grafana stores it."""
    return {
        "uid": board.uid,
        "title": board.title,
        "description": board.description,
        "tags": [TAG],
        "schemaVersion": SCHEMA,
        "version": 1,
        "editable": True,
        "graphTooltip": 1,
        "timezone": "utc",
        "refresh": "",
        "time": {"from": f"now-{board.since}", "to": "now"},
        "links": [_link()],
        "templating": {"list": [_variable(one) for one in (PROJECT, *board.variables)]},
        "annotations": {"list": [_annotation(one) for one in board.annotations]},
        "panels": _placed(board),
    }


def statement(sql: str) -> str:
    """The SQL without the indentation of its place in the code, and with the choice of projects written out."""
    chosen = r"$__conditionalAll(\1 IN (${project:singlequote}), $project)"
    return PROJECTS.sub(chosen, dedent(sql).strip())


def _link() -> dict[str, Any]:
    return {
        "title": "PR Telemetry",
        "type": "dashboards",
        "tags": [TAG],
        "icon": "external link",
        "tooltip": "",
        "asDropdown": False,
        "targetBlank": False,
        "includeVars": True,
        "keepTime": True,
    }


def _variable(one: Variable) -> dict[str, Any]:
    shared = {"name": one.name, "label": one.label, "description": one.description, "hide": 0}
    if not one.sql:
        return {**shared, "type": "textbox", "query": one.value, "current": {"text": one.value, "value": one.value}}
    return {
        **shared,
        "type": "query",
        "datasource": SOURCE,
        "query": {"refId": one.name, **_query(statement(one.sql), TABLE)},
        "refresh": 1,
        "sort": 1,
        "multi": True,
        "includeAll": True,
        "current": {"text": ["All"], "value": ["$__all"]},
    }


def _annotation(one: Annotation) -> dict[str, Any]:
    return {
        "name": one.name,
        "datasource": SOURCE,
        "enable": True,
        "hide": False,
        "iconColor": "blue",
        "target": {"refId": "annotation", **_query(statement(one.sql), TABLE)},
    }


def _query(sql: str, form: int) -> dict[str, Any]:
    kind = "timeseries" if form != TABLE else "table"
    return {"editorType": "sql", "pluginVersion": PLUGIN, "queryType": kind, "format": form, "rawSql": sql}


def _placed(board: Board) -> list[dict[str, Any]]:
    placed: list[dict[str, Any]] = []
    top = 0
    for row in board.rows:
        left = 0
        for panel in row:
            place = {"x": left, "y": top, "w": panel.width, "h": panel.height}
            placed.append(_panel(panel, len(placed) + 1, place, board.interval))
            left += panel.width
        top += max(panel.height for panel in row)
    return placed


def _panel(panel: Panel, number: int, place: Mapping[str, int], interval: str) -> dict[str, Any]:
    form = QUERY_FORMATS.get(panel.kind, TABLE)
    return {
        "id": number,
        "type": panel.kind,
        "title": panel.title,
        "description": panel.description,
        "datasource": SOURCE,
        "gridPos": dict(place),
        "interval": interval,
        "targets": [{"refId": "A", "datasource": SOURCE, **_query(statement(panel.sql), form)}],
        "fieldConfig": {"defaults": _defaults(panel), "overrides": [_unit(*one) for one in panel.units.items()]},
        "options": _options(panel),
    }


def _unit(column: str, unit: str) -> dict[str, Any]:
    return {"matcher": {"id": "byName", "options": column}, "properties": [{"id": "unit", "value": unit}]}


def _defaults(panel: Panel) -> dict[str, Any]:
    steps: list[dict[str, Any]] = [{"color": "text" if panel.kind == "table" else "green", "value": None}]
    steps += [{"color": color, "value": value} for value, color in panel.steps.items()]
    return {
        "unit": panel.unit,
        **({} if panel.decimals is None else {"decimals": panel.decimals}),
        **({"displayName": f"${{__field.labels.{panel.series}}}"} if panel.series else {}),
        "color": {"mode": "palette-classic" if panel.kind in ("timeseries", "barchart") else "thresholds"},
        "thresholds": {"mode": "absolute", "steps": steps},
        "custom": _custom(panel),
    }


def _custom(panel: Panel) -> dict[str, Any]:
    if panel.kind == "timeseries":
        stacking = {"mode": "normal" if panel.bars else "none", "group": "A"}
        drawn = {"drawStyle": "bars" if panel.bars else "line", "fillOpacity": 70 if panel.bars else 10}
        return {**drawn, "stacking": stacking, "lineWidth": 1, "showPoints": "auto", "spanNulls": True}
    if panel.kind == "barchart":
        return {"fillOpacity": 70, "lineWidth": 1}
    return {"cellOptions": {"type": "color-text" if panel.steps else "auto"}} if panel.kind == "table" else {}


def _options(panel: Panel) -> dict[str, Any]:
    legend = {"displayMode": "list", "placement": "bottom", "showLegend": True, "calcs": []}
    tooltip = {"mode": "multi", "sort": "desc"}
    reduced = {"calcs": ["lastNotNull"], "fields": "", "values": False}
    options: dict[str, dict[str, Any]] = {
        "timeseries": {"legend": legend, "tooltip": tooltip},
        "barchart": {"legend": legend, "tooltip": tooltip, "orientation": "horizontal", "showValue": "auto"},
        "bargauge": {"reduceOptions": reduced, "orientation": "horizontal", "displayMode": "basic"},
        "stat": {"reduceOptions": reduced, "colorMode": "value", "graphMode": "none", "textMode": "auto"},
        "table": {"showHeader": True, "cellHeight": "sm"},
    }
    return options[panel.kind]
