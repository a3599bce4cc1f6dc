"""What is wrong with the value of a rubric file, said for the person who wrote it. Pure.

Two sources: the model's own refusals (a missing field, a wrong type), and what no single field shows (weights that do
not sum up, a cap on a criterion that is not there). Both are looked for in every file, so that one look tells all.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from difflib import get_close_matches
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from judge.features import CAP_FEATURES
from judge.rubric_text import Fault, Lines, Path

WHOLE = 1000
SIX = [0, 1, 2, 3, 4, 5]
SHOWN = 60


def inconsistencies(value: Any) -> list[Fault]:
    """What does not fit together; looks past whatever has the wrong type, which is the model's to refuse."""
    rubric = value if isinstance(value, Mapping) else {}
    criteria = list(_mappings(rubric.get("criteria")))
    return [
        *_weights([criterion.get("weight_per_mille") for _, criterion in criteria]),
        *_ids(criteria),
        *(fault for place, criterion in criteria for fault in _anchors(place, criterion.get("anchors"))),
        *_caps(rubric.get("caps"), [criterion.get("id") for _, criterion in criteria]),
    ]


def explained(model: type[BaseModel], error: ValidationError) -> list[Fault]:
    """The model's refusals; not those of the whole, which `inconsistencies` says with their places."""
    return [_explained(model, details) for details in error.errors() if details["loc"] or not _ours(details)]


def located(faults: Iterable[Fault], lines: Lines) -> tuple[Fault, ...]:
    """The faults with their lines, in the order of the file; a missing thing is where it should have been."""
    placed = []
    for fault in faults:
        path = fault.path
        while path and path not in lines:
            path = path[:-1]
        placed.append(replace(fault, line=lines.get(path)))
    return tuple(sorted(placed, key=lambda fault: fault.line or 0))


def _mappings(value: Any) -> Iterator[tuple[int, Mapping[Any, Any]]]:
    for place, item in enumerate(value if isinstance(value, list) else ()):
        if isinstance(item, Mapping):
            yield place, item


def _weights(weights: list[Any]) -> Iterator[Fault]:
    if all(isinstance(weight, int) for weight in weights) and weights and (total := sum(weights)) != WHOLE:
        change = f"take {total - WHOLE} away" if total > WHOLE else f"add {WHOLE - total}"
        yield Fault(("criteria",), f"weights sum to {total} per mille, not {WHOLE}", change)


def _ids(criteria: list[tuple[int, Mapping[Any, Any]]]) -> Iterator[Fault]:
    first: dict[str, int] = {}
    for place, criterion in criteria:
        id = criterion.get("id")
        if isinstance(id, str) and first.setdefault(id, place) != place:
            problem = f"{id!r} has the same id as criteria[{first[id]}]"
            yield Fault(("criteria", place, "id"), problem, "give each criterion an id of its own")


def _anchors(place: int, anchors: Any) -> Iterator[Fault]:
    if not isinstance(anchors, Mapping) or list(anchors) == SIX:
        return
    lacking = [str(grade) for grade in SIX if grade not in anchors]
    strange = [repr(grade) for grade in anchors if grade not in SIX]
    said = [f"no anchor for {', '.join(lacking)}"] * bool(lacking) + [f"{', '.join(strange)} is no grade"] * bool(
        strange
    )
    remedy = "anchors must be given for the grades 0 to 5, in this order"
    yield Fault(("criteria", place, "anchors"), " and ".join(said) or "not in order", remedy)


def _caps(caps: Any, ids: list[Any]) -> Iterator[Fault]:
    for place, cap in _mappings(caps):
        known = {"criterion": [id for id in ids if isinstance(id, str)], "feature": sorted(CAP_FEATURES)}
        for name, choices in known.items():
            given = cap.get(name)
            if isinstance(given, str) and given not in choices:
                yield Fault(("caps", place, name), f"unknown {name} {given!r}", _meant(given, choices))


def _meant(given: str, known: Iterable[str]) -> str:
    choices = list(known)
    near = get_close_matches(given, choices, 1)
    return f"did you mean {near[0]!r}?" if near else f"known: {', '.join(choices)}"


def _ours(details: ErrorDetails) -> bool:
    return details["type"] == "value_error"


def _explained(model: type[BaseModel], details: ErrorDetails) -> Fault:
    path: Path = tuple(step for step in details["loc"] if step != "[key]")
    kind, given = details["type"], details["input"]
    fields = _model_at(model, path[:-1]).model_fields
    name = str(path[-1]) if path else ""
    if kind == "missing":
        return Fault(path, "is missing", f"add it: {fields[name].description}")
    if kind == "extra_forbidden":
        return Fault(path, "is no field of a rubric", _meant(name, fields))
    if kind == "string_type":
        return Fault(path, f"must be text, not {_shown(given)}", 'put it in quotes: "..."' if _scalar(given) else "")
    if kind in {"string_too_short", "too_short"}:
        return Fault(path, "must not be empty", "say something here or leave the field out")
    if kind == "string_pattern_mismatch" and name != "derived_from":
        return Fault(path, f"{_shown(given)} is no id", "use lower-case letters, digits, - and _, a letter first")
    if kind == "string_pattern_mismatch":
        return Fault(path, f"{_shown(given)} names no rubric", "write id@version, such as bug-fix-process@1.0")
    return Fault(path, f"{details['msg'].replace('Input should be', 'must be')}, not {_shown(given)}")


def _model_at(model: type[BaseModel], path: Path) -> type[BaseModel]:
    """The model that the value at the path is of."""
    for step in path:
        if isinstance(step, str) and step in model.model_fields:
            model = next(_models(model.model_fields[step].annotation), model)
    return model


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _models(argument)


def _scalar(value: Any) -> bool:
    return not isinstance(value, list | Mapping)


def _shown(value: Any) -> str:
    text = "nothing" if value is None else "a list" if isinstance(value, list) else repr(value)
    return "a mapping" if isinstance(value, Mapping) else text if len(text) <= SHOWN else f"{text[:SHOWN]}..."
