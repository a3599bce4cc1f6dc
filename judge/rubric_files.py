"""Where rubrics are found: built in, in a folder of the operator's, or in a file. Reads files, nothing else.

A rubric goes by the name of its file without ending (`agent-trajectory-1.0`), by `id@version`, or by its id alone where
that is the only version.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from judge.rubric import BadRubric, Rubric, load

DEFAULT = "rubric-1.0"
ENDINGS = (".yaml", ".yml")


class NoRubric(ValueError):
    """There is no such rubric, or no usable one; says what there is."""


@dataclass(frozen=True, slots=True)
class Source:
    """A rubric's text and where it is from: `built-in`, `folder` or `file`."""

    name: str
    origin: str
    path: str
    text: str

    def rubric(self) -> Rubric:
        """The rubric. Raises BadRubric."""
        return load(self.text)


def built_in() -> tuple[Source, ...]:
    """The rubrics that come with the judge, by name."""
    return tuple(_in(files("judge") / "rubrics", "built-in"))


def known(folder: Path | None) -> tuple[Source, ...]:
    """The built-in rubrics and those of the folder. Raises NoRubric where the folder or a file cannot be read."""
    if folder is None:
        return built_in()
    if not folder.is_dir():
        raise NoRubric(f"{folder} is no folder; RUBRICS_DIR or --dir names one with rubric files (*.yaml)")
    return (*built_in(), *_in(folder, "folder"))


def find(reference: str, folder: Path | None) -> Source:
    """The rubric that a person means: a name, id@version, an id, or a file. Raises NoRubric."""
    path = Path(reference)
    if path.is_file():
        return _read(path, "file")
    if path.suffix in ENDINGS or "/" in reference:
        raise NoRubric(f"{reference}: no such file")
    sources = known(folder)
    found = [source for source in sources if reference in _names(source)]
    if len(found) == 1:
        return found[0]
    names = ", ".join(f"{source.name} ({source.path})" if found else source.name for source in found or sources)
    raise NoRubric(
        f"{reference} may mean each of {names}" if found else f"no rubric is named {reference}; there are {names}"
    )


def _names(source: Source) -> set[str]:
    """What a rubric goes by; a file that holds none goes by its own name only."""
    try:
        rubric = source.rubric()
    except BadRubric:
        return {source.name}
    return {source.name, rubric.id, f"{rubric.id}@{rubric.version}"}


def _in(folder: Traversable, origin: str) -> Iterator[Source]:
    for path in sorted(folder.iterdir(), key=lambda path: path.name):
        if path.name.endswith(ENDINGS) and path.is_file():
            yield _read(path, origin)


def _read(path: Traversable, origin: str) -> Source:
    try:
        return Source(path.name.rpartition(".")[0] or path.name, origin, str(path), path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise NoRubric(f"{path} cannot be read: {error}") from None
