"""The text of a rubric file as a plain value, with the line of everything in it. Pure.

Stricter than YAML, because what it lets through changes grades unseen: a key given twice is refused, not overwritten;
anchors and aliases are refused, so that a small file cannot unfold into a large one; size and depth are bounded.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml

MOST_BYTES = 131_072
"""Rubric 1.0 has 8 KB."""
DEEPEST = 12

Path = tuple[str | int, ...]
Lines = Mapping[Path, int]


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong: where, what, and what would be right."""

    path: Path
    problem: str
    remedy: str = ""
    line: int | None = None

    def __str__(self) -> str:
        where = ", ".join([f"line {self.line}"] * (self.line is not None) + [spelled(self.path)] * bool(self.path))
        return f"{where or 'the file'}: {self.problem}" + (f"; {self.remedy}" if self.remedy else "")


class Unreadable(ValueError):
    """The text is no plain YAML value; `fault` says where and why."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(str(fault))
        self.fault = fault


def spelled(path: Path) -> str:
    """`('criteria', 2, 'anchors', 4)` as `criteria[2].anchors.4`: list places in brackets, keys after dots."""
    # A list is always the value of a named field; only `anchors` has numbers as keys.
    text = ""
    for number, step in enumerate(path):
        in_list = isinstance(step, int) and path[number - 1] != "anchors"
        text += f"[{step}]" if in_list else f".{step}" if text else str(step)
    return text


def read(text: str) -> tuple[Any, Lines]:
    """The value of a YAML text and the line, from 1, where each part of it begins. Raises Unreadable."""
    if (size := len(text.encode(errors="replace"))) > MOST_BYTES:
        raise Unreadable(Fault((), f"{size} bytes are too many for a rubric", f"keep it below {MOST_BYTES}"))
    try:
        _refuse_riches(text)
        loader = yaml.SafeLoader(text)
        node = loader.get_single_node()
        lines: dict[Path, int] = {}
        return (None if node is None else _value(loader, node, (), lines)), lines
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else None
        raise Unreadable(Fault((), f"not YAML: {error.problem or error.context}", line=line)) from None
    except yaml.YAMLError as error:
        raise Unreadable(Fault((), f"not YAML: {' '.join(str(error).split())}")) from None


def _refuse_riches(text: str) -> None:
    """Look at the events, of which none nests, before anything recursive sees the text."""
    depth = 0
    for event in yaml.parse(text, yaml.SafeLoader):
        line = event.start_mark.line + 1 if event.start_mark else None
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise Unreadable(Fault((), "YAML anchors and aliases (&x, *x) are refused", "write the text out", line))
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > DEEPEST:
            raise Unreadable(Fault((), f"nested more than {DEEPEST} deep", "no part of a rubric is", line))


def _value(loader: yaml.SafeLoader, node: yaml.Node, path: Path, lines: dict[Path, int]) -> Any:
    lines[path] = node.start_mark.line + 1
    if isinstance(node, yaml.MappingNode):
        return _mapping(loader, node, path, lines)
    if isinstance(node, yaml.SequenceNode):
        return [_value(loader, item, (*path, place), lines) for place, item in enumerate(node.value)]
    return _scalar(loader, node, path)


def _mapping(loader: yaml.SafeLoader, node: yaml.MappingNode, path: Path, lines: dict[Path, int]) -> dict[Any, Any]:
    found: dict[Any, Any] = {}
    for key_node, value_node in node.value:
        line = key_node.start_mark.line + 1
        key = _scalar(loader, key_node, path) if isinstance(key_node, yaml.ScalarNode) else None
        if not isinstance(key, str | int) or isinstance(key, bool):
            raise Unreadable(Fault(path, "a key that is neither a word nor a whole number", "put it in quotes", line))
        if key in found:
            twice = f"given twice, first in line {lines[(*path, key)]}"
            raise Unreadable(Fault((*path, key), twice, "keep one of them", line))
        found[key] = _value(loader, value_node, (*path, key), lines)
        lines[(*path, key)] = line
    return found


def _scalar(loader: yaml.SafeLoader, node: yaml.Node, path: Path) -> Any:
    try:
        return loader.construct_object(node)
    except ValueError as error:  # a date that is none, a number of thousands of digits
        raise Unreadable(Fault(path, f"not a value: {error}", "put it in quotes", node.start_mark.line + 1)) from None
