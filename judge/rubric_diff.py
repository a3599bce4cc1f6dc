"""What differs between two rubrics, field by field. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

Content = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Change:
    """One difference: `where` is its path by ids (`criteria.efficiency.anchors.3`); what is absent is None."""

    kind: Literal["added", "removed", "changed"]
    where: str
    a: Any
    b: Any


def changes(a: Content, b: Content) -> tuple[Change, ...]:
    """What makes b of a: the fields of the rubric, then its criteria, then its caps. Of contents; empty where equal."""
    lists = {"criteria", "caps"}
    return (
        *_fields("", {k: v for k, v in a.items() if k not in lists}, {k: v for k, v in b.items() if k not in lists}),
        *_items("criteria", _by_id(a["criteria"]), _by_id(b["criteria"])),
        *_items("caps", _by_bound(a.get("caps", ())), _by_bound(b.get("caps", ()))),
    )


def _by_id(criteria: Any) -> dict[str, Content]:
    return {criterion["id"]: criterion for criterion in criteria}


def _by_bound(caps: Any) -> dict[str, Content]:
    found: dict[str, Content] = {}
    for cap in caps:
        key = f"{cap['criterion']}.{cap['feature']}"
        while key in found:  # the same bound twice is odd, but no fault
            key += "+"
        found[key] = cap
    return found


def _items(name: str, a: Mapping[str, Content], b: Mapping[str, Content]) -> Iterator[Change]:
    for key in (*a, *(key for key in b if key not in a)):
        yield from (
            _fields(f"{name}.{key}", a[key], b[key])
            if key in a and key in b
            else _one(f"{name}.{key}", a.get(key), b.get(key))
        )
    both = [key for key in a if key in b]
    if any(list(b).index(first) > list(b).index(second) for first, second in pairwise(both)):
        yield Change("changed", f"{name} (order)", list(a), list(b))


def _fields(where: str, a: Content, b: Content) -> Iterator[Change]:
    for key in (*a, *(key for key in b if key not in a)):
        old, new = a.get(key), b.get(key)
        path = f"{where}.{key}" if where else key
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            yield from _fields(path, old, new)
        elif old != new:
            yield from _one(path, old, new)


def _one(where: str, a: Any, b: Any) -> Iterator[Change]:
    yield Change("added" if a is None else "removed" if b is None else "changed", where, a, b)
