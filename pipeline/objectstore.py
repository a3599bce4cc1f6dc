"""The object-store port, and its implementation in a folder. Blobs are immutable: writing a key again is harmless."""

import asyncio
import os
import secrets
from pathlib import Path
from typing import Protocol

from pipeline.errors import Retryable


class ObjectMissing(Exception):
    """No object has this key."""


class ObjectStore(Protocol):
    """Keys are relative, `/`-separated. All raise Retryable when the store cannot be reached."""

    async def put(self, key: str, data: bytes) -> None:
        """Store the bytes durably."""

    async def get(self, key: str) -> bytes:
        """The bytes. Raises ObjectMissing."""

    async def exists(self, key: str) -> bool:
        """Whether the key has an object."""

    async def delete(self, key: str) -> None:
        """Remove the object; absent is fine."""

    async def keys(self, prefix: str) -> list[str]:
        """The keys that start with the prefix, sorted."""


class FolderStore:
    """Objects as files below one folder."""

    def __init__(self, root: Path) -> None:
        self._root = root.resolve()

    def _path(self, key: str) -> Path:
        path = (self._root / key).resolve()
        if not path.is_relative_to(self._root) or path == self._root:
            raise ValueError(f"not an object key: {key!r}")
        return path

    async def put(self, key: str, data: bytes) -> None:
        await asyncio.to_thread(self._write, self._path(key), data)

    def _write(self, path: Path, data: bytes) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
        try:
            with draft.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            draft.replace(path)
        except OSError as error:
            draft.unlink(missing_ok=True)
            raise Retryable(f"object store folder {self._root} cannot be written: {error.strerror}") from error

    async def get(self, key: str) -> bytes:
        try:
            return await asyncio.to_thread(self._path(key).read_bytes)
        except FileNotFoundError:
            raise ObjectMissing(key) from None

    async def exists(self, key: str) -> bool:
        return self._path(key).is_file()

    async def delete(self, key: str) -> None:
        self._path(key).unlink(missing_ok=True)

    async def keys(self, prefix: str) -> list[str]:
        files = (path.relative_to(self._root).as_posix() for path in self._root.rglob("*") if path.is_file())
        return sorted(key for key in files if key.startswith(prefix) and not key.rpartition("/")[2].startswith("."))
