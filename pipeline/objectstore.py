"""The object-store port, and its implementation in a folder. Blobs are immutable: writing a key again is harmless."""

import asyncio
import errno
import io
import os
import re
import secrets
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, Literal, Protocol, TypeVar, get_args

from pipeline.errors import Retryable

# Names a file and an S3 object alike, and never leaves the store: no empty, hidden or `..` part.
KEY = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]*(/[A-Za-z0-9_-][A-Za-z0-9_.-]*)*")
LONGEST_KEY = 512
FILES, PRIVATE_FILES = "artifacts", "workspaces"
Derived = Literal["documents", "evidence", "leaves"]
TRACE_FOLDERS = (FILES, PRIVATE_FILES, *get_args(Derived))
"""Where traces have folders of their own: what is theirs lies nowhere else."""
Result = TypeVar("Result")


class ObjectMissing(Exception):
    """No object has this key."""


def checked(key: str) -> str:
    """The key itself. Raises ValueError for one that is malformed or might lead out of its folder."""
    if not KEY.fullmatch(key) or len(key) > LONGEST_KEY:
        raise ValueError(f"not an object key: {key[:LONGEST_KEY]!r}")
    return key


def artifact_key(project: str, trace_id: str, sha256: str, private: bool) -> str:
    """Where a trace keeps its artifact with this digest, `sha256:<hex>`; private ones lie apart."""
    folder = PRIVATE_FILES if private else FILES
    return f"{folder}/{project}/{trace_id}/{sha256.removeprefix('sha256:')}"


def derived_key(folder: Derived, trace_id: str, sha256: str) -> str:
    """Where something that was made from a trace lies, by its digest."""
    return f"{folder}/{trace_id}/{sha256.removeprefix('sha256:')}"


def trace_prefixes(project: str, trace_id: str) -> list[str]:
    """Everything of a trace has a key that starts with one of these: so it can be erased, and its age be told."""
    files = [f"{folder}/{project}/{trace_id}/" for folder in (FILES, PRIVATE_FILES)]
    return [*files, *(f"{folder}/{trace_id}/" for folder in get_args(Derived))]


class ObjectStore(Protocol):
    """Keys are relative, `/`-separated. All raise Retryable when the store cannot be reached, and Refused when it does
    not accept our credentials."""

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


class FileStore(ObjectStore, Protocol):
    """An object store that also moves files without holding them in memory. Files are read and written from where they
    stand."""

    async def put_file(self, key: str, file: BinaryIO, size: int) -> None:
        """Store `size` bytes of a file durably."""

    async def get_file(self, key: str, file: BinaryIO) -> None:
        """Write the object's bytes to a file. Raises ObjectMissing."""


class FolderStore:
    """Objects as files below one folder. What was stored survives the death of the process, not a power loss."""

    def __init__(self, root: Path) -> None:
        self._root = root.resolve()

    async def put(self, key: str, data: bytes) -> None:
        await self._run(self._write, self._root / checked(key), data)

    async def get(self, key: str) -> bytes:
        try:
            return await self._run((self._root / checked(key)).read_bytes)
        except FileNotFoundError:
            raise ObjectMissing(key) from None

    async def put_file(self, key: str, file: BinaryIO, size: int) -> None:
        await self._run(self._write_file, self._root / checked(key), file, size)

    async def get_file(self, key: str, file: BinaryIO) -> None:
        try:
            await self._run(self._read_file, self._root / checked(key), file)
        except FileNotFoundError:
            raise ObjectMissing(key) from None

    async def exists(self, key: str) -> bool:
        return await self._run((self._root / checked(key)).is_file)

    async def delete(self, key: str) -> None:
        await self._run((self._root / checked(key)).unlink, True)

    async def keys(self, prefix: str) -> list[str]:
        return await self._run(self._list, prefix)

    async def _run(self, call: Callable[..., Result], *arguments: Any) -> Result:
        try:
            return await asyncio.to_thread(call, *arguments)
        except FileNotFoundError:
            raise
        except OSError as error:
            raise Retryable(f"object store folder {self._root} cannot be used: {error.strerror}") from error

    def _write(self, path: Path, data: bytes) -> None:
        self._write_file(path, io.BytesIO(data), len(data))

    def _read_file(self, path: Path, into: BinaryIO) -> None:
        with path.open("rb") as file:
            shutil.copyfileobj(file, into)

    def _write_file(self, path: Path, source: BinaryIO, size: int) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f".{secrets.token_hex(8)}")
        try:
            with draft.open("wb") as file:
                shutil.copyfileobj(source, file)
                if file.tell() != size:
                    raise OSError(errno.EIO, "the file has another size than was said")
                file.flush()
                os.fsync(file.fileno())
            draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)

    def _list(self, prefix: str) -> list[str]:
        # From the prefix's own folder on: a trace's few objects are not looked for among all of them.
        folder = self._root / prefix.rpartition("/")[0]
        files = (path.relative_to(self._root).as_posix() for path in folder.rglob("*") if path.is_file())
        return sorted(key for key in files if key.startswith(prefix) and KEY.fullmatch(key))
