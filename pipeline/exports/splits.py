"""Which of train, validation and test a repository belongs to: decided by its name alone, so no repository is in two.

A repository has one name here whatever it was cloned by: scheme, user, port, `.git` and case do not count. Forks are
other repositories.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from hashlib import sha256

NAMES = ("train", "validation", "test")
_SCP = re.compile(r"^(?:[^@/\s]+@)?([^:/\s]+):")
_SCHEME = re.compile(r"^[a-z][a-z0-9+.-]*://(?:[^@/]*@)?")
_PORT = re.compile(r"^([^/]+):\d+(?=/|$)")


@dataclass(frozen=True, slots=True)
class Splits:
    """Shares of train, validation and test, in percent; `seed` deals the repositories out otherwise."""

    shares: tuple[int, int, int]
    seed: int

    def of(self, origin: str) -> str:
        """The split of everything from this repository."""
        name = f"{self.seed}\n{repository(origin)}".encode()
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
