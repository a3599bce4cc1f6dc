"""Rubrics for commands that do not judge: read from the judge's files, without the judge."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml

from pipeline.canonical import digest_of
from pipeline.cli.terminal import fail
from pipeline.labels import Rubric, rubric_of

DEFAULT = "rubric-1.0"
SUFFIXES = (".yaml", ".yml", ".json")
RubricName = Annotated[
    str, typer.Option("--rubric", help="A rubric of the judge's by its file's name, or a YAML file.")
]


def read_rubric(name: str) -> Rubric:
    """The rubric, with the digest that the judge has for it. Raises typer.Exit."""
    path = shipped().get(name, Path(name))
    if path == Path(name) and path.suffix not in SUFFIXES:
        raise fail(f"no rubric {name}; there are: {', '.join(sorted(shipped()))}, or a YAML file of your own")
    try:
        content = _plain(yaml.safe_load(path.read_text(encoding="utf-8")))
        return rubric_of(content, digest_of({"caps": [], **content}))
    except OSError as error:
        raise fail(f"{path}: {error.strerror}") from None
    except (yaml.YAMLError, UnicodeDecodeError, KeyError, TypeError, AttributeError) as error:
        raise fail(f"{path} is no rubric: {' '.join(str(error).split())}") from None


def shipped() -> dict[str, Path]:
    """The rubrics that come with the judge, by name."""
    spec = find_spec("judge")
    folders = spec.submodule_search_locations or () if spec else ()
    return {path.stem: path for folder in folders for path in (Path(folder) / "rubrics").glob("*.yaml")}


def _plain(value: Any) -> Any:
    """As the judge writes it: keys are text, what is not given is not there."""
    if isinstance(value, dict):
        return {str(key): _plain(one) for key, one in value.items() if one is not None}
    return [_plain(one) for one in value] if isinstance(value, list) else value
