"""`rubric`: which rubrics there are, what one says, what is wrong with one, and how two differ."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from pipeline.cli.rubric_files import ask
from pipeline.cli.terminal import Json, out

rubric_app = typer.Typer(no_args_is_help=True, help="Rubrics: list, show, check, compare.", rich_markup_mode=None)
Folder = Annotated[
    Path | None, typer.Option("--dir", help="Folder of further rubric files; RUBRICS_DIR where not given.")
]
Name = Annotated[str, typer.Argument(metavar="NAME|FILE", help="Name, id@version, id of a rubric, or its file.")]


@rubric_app.command("list")
def list_rubrics(folder: Folder = None, json_document: Json = False) -> None:
    """The built-in rubrics and those of the folder: version, criteria, and how much the heuristic judge can grade."""
    entries, _ = ask(folder, "list")
    if json_document:
        _print_json(entries)
        return
    table = Table(box=None, header_style="dim", pad_edge=False)
    for heading in ("name", "rubric", "by heuristic", "digest"):
        table.add_column(heading, no_wrap=heading == "name", overflow="fold")
    for entry in entries:
        table.add_row(*map(escape, _row(entry)))
    out.print(table)


@rubric_app.command("show")
def show(
    rubric: Name,
    folder: Folder = None,
    yaml: Annotated[bool, typer.Option("--yaml", help="Print the file as it is, to begin one of your own.")] = False,
    json_document: Json = False,
) -> None:
    """One rubric: criteria, weights, anchors for each grade, what a grade must cite, bounds."""
    document, _ = ask(folder, "show", rubric)
    if yaml:
        sys.stdout.write(document["text"])
    elif json_document:
        _print_json({name: value for name, value in document.items() if name != "text"})
    else:
        _print_rubric(document)


@rubric_app.command("check")
def check(
    rubrics: Annotated[list[str], typer.Argument(metavar="FILE...", help="Rubric files, or names.")],
    folder: Folder = None,
    json_document: Json = False,
) -> None:
    """Whether traces can be graded by it: every fault with its line, and what the heuristic judge grades at no cost.

    Exit status: 0 usable, 1 faults, 2 wrong usage.
    """
    answers, status = ask(folder, "check", *rubrics)
    if json_document:
        _print_json(answers)
    else:
        for answer in answers:
            _print_checked(answer)
    raise typer.Exit(status)


@rubric_app.command("diff")
def diff(a: Name, b: Name, folder: Folder = None, json_document: Json = False) -> None:
    """What makes the second rubric of the first: criteria, weights, anchors, evidence, bounds.

    Exit status as of diff: 0 the same, 1 they differ, 2 one of them cannot be used.
    """
    document, status = ask(folder, "diff", a, b)
    if json_document:
        _print_json(document)
    else:
        for end, sign in (("a", "---"), ("b", "+++")):
            _say(f"{sign} {_spelled(document[end])}  {document[end]['digest']}", "bold")
        for change in document["changes"]:
            _print_change(change)
    raise typer.Exit(status)


def _print_json(document: Any) -> None:
    sys.stdout.write(json.dumps(document, ensure_ascii=False) + "\n")


def _say(text: str, style: str = "") -> None:
    out.print(text, style=style, markup=False, highlight=False, soft_wrap=True)


def _spelled(entry: dict[str, Any]) -> str:
    return f"{entry['id']}@{entry['version']}"


def _row(entry: dict[str, Any]) -> tuple[str, ...]:
    if entry["faults"]:
        return entry["name"], "unusable", "", entry["faults"][0]["said"]
    by_form = f"{len(entry['heuristic']['grades'])} of {entry['criteria']}"
    return entry["name"], _spelled(entry), by_form, entry["digest"][:19]


def _print_checked(answer: dict[str, Any]) -> None:
    if answer["faults"]:
        _say(
            f"{answer['name']}: {len(answer['faults'])} faults"
            if answer["faults"][1:]
            else f"{answer['name']}: a fault",
            "bold red",
        )
        for fault in answer["faults"]:
            _say(f"  {fault['said']}")
        return
    _say(f"{answer['name']}: {_spelled(answer)} can be graded with, {answer['digest']}", "bold green")
    _say(f"  {_by_form(answer['heuristic'])}")
    for sentence in answer["advice"]:
        _say(f"  note: {sentence}", "yellow")


def _by_form(heuristic: dict[str, Any]) -> str:
    known, unknown = (", ".join(heuristic[name]) for name in ("grades", "grades_not"))
    if not unknown:
        return "the heuristic judge grades every criterion, at no cost"
    weight = f"{heuristic['weight_per_mille'] / 10:g} % of the weight" + (f" ({known})" if known else "")
    if heuristic["usable"]:
        return f"the heuristic judge grades {weight}, at no cost; only a model grades {unknown}"
    return f"the heuristic judge grades only {weight} and refuses the rubric; only a model grades {unknown}"


def _print_rubric(document: dict[str, Any]) -> None:
    rubric, known = document["rubric"], document["heuristic"]["grades"]
    _say(f"{rubric['title']}  {_spelled(rubric)}", "bold")
    _say(document["digest"], "dim")
    for name in ("description", "applies_to", "derived_from"):
        if name in rubric:
            _say(f"{name.replace('_', ' ')}: {rubric[name]}")
    _say(f"\n{rubric['guidance']}")
    for criterion in rubric["criteria"]:
        _print_criterion(criterion, criterion["id"] in known)
    for cap in rubric.get("caps", ()):
        _say(f"\nat most {cap['max_grade']} in {cap['criterion']} where {cap['feature']} shows: {cap['reason']}")
    _say(f"\n{_by_form(document['heuristic'])}")


def _print_criterion(criterion: dict[str, Any], by_form: bool) -> None:
    heading = Text.assemble((f"\n{criterion['title']}", "bold"), f"  {criterion['weight_per_mille'] / 10:g} %  ")
    heading.append(criterion["id"] + ("" if by_form else "  (a model only)"), "cyan")
    out.print(heading)
    _say(f"  {criterion['question']}", "italic")
    _say(f"  {criterion['guidance']}", "dim")
    for grade, anchor in criterion["anchors"].items():
        _say(f"  {grade}  {anchor}")
    for rule in criterion.get("required_evidence", ()):
        _say(f"  {_evidence(rule)}", "dim")


def _print_change(change: dict[str, Any]) -> None:
    _say({"added": "+ ", "removed": "- ", "changed": "~ "}[change["kind"]] + change["where"], "bold")
    for end, sign, style in (("a", "-", "red"), ("b", "+", "green")):
        if change[end] is not None:
            _say(f"    {sign} {_in_short(change[end])}", style)


def _in_short(value: Any) -> str:
    """One line of a text, a number, or whatever a rubric has more of; `--json` has it in full."""
    if isinstance(value, list):
        return ", ".join(map(_in_short, value))
    if not isinstance(value, dict):
        return str(value)
    if "weight_per_mille" in value:
        return f"{value['title']}, {value['weight_per_mille'] / 10:g} %: {value['question']}"
    if "max_grade" in value:
        return f"at most {value['max_grade']}: {value['reason']}"
    if "from_grade" in value:
        return _evidence(value)
    return json.dumps(value, ensure_ascii=False)


def _evidence(rule: dict[str, Any]) -> str:
    return f"from {rule['from_grade']} upward cites a {' or '.join(rule['cites'])}"
