"""What goes into an environment and what comes out of it: files as one archive, output up to a cap. Pure."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Mapping


class Capped:
    """The first and the last half of an output, never more than `cap` bytes in all."""

    def __init__(self, cap: int) -> None:
        self._half = cap // 2
        self._head, self._tail, self._size = bytearray(), bytearray(), 0

    def add(self, data: bytes) -> None:
        """Take the next piece."""
        self._size += len(data)
        room = self._half - len(self._head)
        self._head += data[:room]
        self._tail += data[room:]
        if len(self._tail) > 2 * self._half:
            del self._tail[: -self._half]

    @property
    def truncated(self) -> bool:
        """Whether something was left out."""
        return self._size > 2 * self._half

    def joined(self) -> bytes:
        """What was kept, in order."""
        return bytes(self._head + self._tail[-self._half :])


def packed(files: Mapping[str, bytes]) -> bytes:
    """A tar file of these files, by name."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return archive.getvalue()
