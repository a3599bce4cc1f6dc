"""The files that decide what passes, as they were before any code of the tree ran."""

from __future__ import annotations

import hashlib
import os

_DECISIVE = (".py", ".ini", ".cfg", ".toml")


class Tree:
    """Remembers the digest of each file of `root` that could be a test or its configuration."""

    def __init__(self, root: str) -> None:
        self._digests = {
            os.path.join(folder, name): _digest(os.path.join(folder, name))
            for folder, _, names in os.walk(root)
            for name in names
            if name.endswith(_DECISIVE)
        }

    def changed(self, path: str) -> str | None:
        """What is wrong with a file that is about to decide something; None where it is as it was."""
        if not path.endswith(_DECISIVE):
            return None
        known = self._digests.get(path)
        if known is None:
            return f"{path} was not there"
        return None if known == _digest(path) else f"{path} was rewritten"


def _digest(path: str) -> bytes | None:
    try:
        with open(path, "rb") as file:
            return hashlib.sha256(file.read()).digest()
    except OSError:  # a link to nothing, for instance
        return None
