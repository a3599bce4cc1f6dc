"""Which of train, validation and test a repository belongs to, so that none is in two, however it is called.

A repository has one name here whatever it was cloned by: scheme, user, port, `.git` and case do not count. Its forks
and mirrors go with it: all that have the same last name are one family, and so are all that share a start commit, which
only a common history has. The first is decided by the name alone, in every export; the second by all stored traces.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256

NAMES = ("train", "validation", "test")
_SCP = re.compile(r"^(?:[^@/\s]+@)?([^:/\s]+):")
_SCHEME = re.compile(r"^[a-z][a-z0-9+.-]*://(?:[^@/]*@)?")
_PORT = re.compile(r"^([^/]+):\d+(?=/|$)")
_SEPARATOR = re.compile(r"[/\\:]")


@dataclass(frozen=True, slots=True)
class Splits:
    """Shares of train, validation and test, in percent; `seed` deals the families out otherwise."""

    shares: tuple[int, int, int]
    seed: int

    def of(self, origin: str) -> str:
        """The split of everything from this repository, or from the family of this name."""
        name = f"{self.seed}\n{family(origin)}".encode()
        place = int.from_bytes(sha256(name).digest()[:8]) * 100 >> 64
        train, validation, _ = self.shares
        return NAMES[(place >= train) + (place >= train + validation)]


def shares_of(text: str) -> tuple[int, int, int]:
    """The shares in `90/5/5`. Raises ValueError, which says what is expected."""
    try:
        train, validation, test = (int(share) for share in text.split("/"))
    except ValueError:
        raise ValueError(f"{text!r} is no split: give train/validation/test in percent, as 90/5/5") from None
    if min(train, validation, test) < 0 or train + validation + test != 100:
        raise ValueError(f"{text!r}: the three shares must be 0 or more and add up to 100")
    return train, validation, test


def repository(origin: str) -> str:
    """One name for a repository, from any way of writing its origin."""
    name = origin.strip().lower()
    name = _PORT.sub(r"\1", _SCHEME.sub("", name)) if _SCHEME.match(name) else _SCP.sub(r"\1/", name)
    return name.rstrip("/").removesuffix(".git").rstrip("/")


def family(origin: str) -> str:
    """The last name of a repository, which a fork or mirror has too; that of a family is itself."""
    before, name = None, origin
    while name != before:
        before, name = name, _SEPARATOR.split(repository(name).rstrip("/\\:"))[-1].strip()
    return name


def related(groups: Iterable[Iterable[str]]) -> Mapping[str, str]:
    """Family -> the first name of all that are linked to it, from groups of origins that share history. What is in no
    group with another family has no entry."""
    first: dict[str, str] = {}

    def root(name: str) -> str:
        while (above := first.get(name, name)) != name:
            name = above
        return name

    for group in groups:
        roots = sorted({root(family(origin)) for origin in group})
        if len(roots) > 1:
            first |= dict.fromkeys(roots, roots[0])
    return {name: root(name) for name in first}
