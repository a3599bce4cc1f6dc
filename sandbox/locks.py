"""Which file of the start commit names its dependencies, and what of it may be given to pip. Pure.

The file comes from a repository that nobody vouches for, and pip would do for it whatever it says: build from source,
clone, read local paths, ask another index. So nothing but names, versions, markers and hashes goes on.
"""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Collection, Iterator, Mapping
from typing import Any

# by the image of the runner that they are for; the first that is there counts
LOCKS = {"python": ("pylock.toml", "requirements-test.txt", "requirements-dev.txt", "requirements.txt")}
LOCK_NAMES = tuple(name for names in LOCKS.values() for name in names)
LOCK_BYTES = 1024 * 1024
TAG_DIGITS = 32
REPOSITORY = "pr-telemetry/dependencies"

_NAME = r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?"
_VERSIONS = r"(?:===|==|~=|!=|<=|>=|<|>)\s*[A-Za-z0-9.*+!_-]+"
_REQUIREMENT = re.compile(
    rf"{_NAME}\s*(?:\[[A-Za-z0-9._, -]*\])?\s*\(?(?:{_VERSIONS}(?:\s*,\s*{_VERSIONS})*)?\)?\s*"
    r"(?:;[A-Za-z0-9_.'\"<>=!~(), +*-]*)?"
)
_HASH = re.compile(r"\s+--hash[= ](sha256:[0-9a-f]{64}|sha384:[0-9a-f]{96}|sha512:[0-9a-f]{128})(?=\s|\Z)")
_COMMENT = re.compile(r"(?:^|\s)#.*")


class RefusedLock(ValueError):
    """The file asks for more than wheels of an index by name; the text says what."""


def lock_of(image: str, names: Collection[str]) -> str | None:
    """The one of these file names whose dependencies count for a runner with this image."""
    return next((lock for lock in LOCKS.get(image, ()) if lock in names), None)


def requirements(name: str, content: bytes) -> tuple[str, ...]:
    """Lines of a requirements file that pip may have. Raises RefusedLock."""
    try:
        text = content.decode()
        return tuple(_of_pylock(tomllib.loads(text)) if name.endswith(".toml") else _of_requirements(text))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, KeyError, TypeError, AttributeError) as error:
        raise RefusedLock(f"{name} cannot be read: {error}") from error


def image_name(base_image_id: str, content: bytes) -> str:
    """Name of the image that has what `content` names on top of the base image; the same two give the same name."""
    digest = hashlib.sha256(base_image_id.encode() + b"\0" + content).hexdigest()
    return f"{REPOSITORY}:{digest[:TAG_DIGITS]}"


def _of_requirements(text: str) -> Iterator[str]:
    for line in text.removeprefix("\ufeff").replace("\\\r\n", " ").replace("\\\n", " ").splitlines():
        if wanted := " ".join(_COMMENT.sub("", line).split()):  # no runs of blanks, over which patterns would take long
            yield _checked(wanted)


def _of_pylock(lock: Mapping[str, Any]) -> Iterator[str]:
    for package in lock["packages"]:
        if "wheels" not in package or "version" not in package:
            raise RefusedLock(f"{package['name']} has no wheels in the lock file")
        marker = f" ; {package['marker']}" if "marker" in package else ""
        hashes = "".join(f" --hash=sha256:{wheel['hashes']['sha256']}" for wheel in package["wheels"])
        yield _checked(f"{package['name']}=={package['version']}{marker}{hashes}")


def _checked(line: str) -> str:
    requirement, hashes = _HASH.sub("", line).strip(), _HASH.findall(line)
    if not _REQUIREMENT.fullmatch(requirement):
        raise RefusedLock(f"only names, versions, markers and hashes are taken, not {line[:100]!r}")
    return requirement + "".join(f" --hash={digest}" for digest in hashes)
