"""Runs inside the container, alone: turns an uploaded tar or zip file into what git takes.

`python3 -I unarchive.py ARCHIVE REPOSITORY PACKS MOST_BYTES` writes a stream for `git fast-import` to standard output:
one commit with the archive's tree. Of an archive that holds a repository only the objects are taken: single ones, when
their content has their name, go into REPOSITORY, packs into PACKS, for git to read and name. Nothing is unpacked as
files. Uses the standard library only. Exit status 1 and one line on standard error where it is refused.
"""

from __future__ import annotations

import hashlib
import re
import stat
import sys
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

REF = b"refs/heads/archive"
_LOOSE = re.compile(rb"(?:.*/)?objects/([0-9a-f]{2})/([0-9a-f]{38}|[0-9a-f]{62})")
_PACK = re.compile(rb"(?:.*/)?objects/pack/(pack-[0-9a-f]{40,64}\.pack)")
_REPOSITORY = re.compile(rb"(?:[^/]+/)?(?:\.git/)?HEAD")


class Refused(Exception):
    """The archive holds what no tree of git can; the text says what."""


@dataclass(frozen=True)
class Entry:
    """A file or a symbolic link: its path, git's mode, its size in bytes and a way to read it."""

    path: bytes
    mode: bytes
    size: int
    read: Callable[[], bytes]


def entries(archive: Path) -> Iterator[Entry]:
    """What the archive holds; folders are no entries. Raises Refused for devices and the like."""
    if zipfile.is_zipfile(archive) and not tarfile.is_tarfile(archive):
        yield from _of_zip(zipfile.ZipFile(archive))
    else:
        yield from _of_tar(tarfile.open(archive))  # noqa: SIM115 - read until the process ends


def _of_tar(archive: tarfile.TarFile) -> Iterator[Entry]:
    for member in archive.getmembers():
        path = member.name.encode(errors="surrogateescape")
        if member.issym():
            target = member.linkname.encode(errors="surrogateescape")
            yield Entry(path, b"120000", len(target), lambda target=target: target)  # type: ignore[misc]
        elif member.isfile() or member.islnk():
            yield Entry(path, _mode(member.mode), member.size, lambda member=member: _content(archive, member))  # type: ignore[misc]
        elif not member.isdir():
            raise Refused(f"{member.name!r} is neither file, folder nor link")


def _content(archive: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    file = archive.extractfile(member)
    if file is None:
        raise Refused(f"{member.name!r} is a link to nothing in the archive")
    return file.read()


def _of_zip(archive: zipfile.ZipFile) -> Iterator[Entry]:
    for info in archive.infolist():
        if info.is_dir():
            continue
        path = info.filename.encode("utf-8" if info.flag_bits & 0x800 else "cp437", errors="surrogateescape")
        unix = info.external_attr >> 16
        mode = b"120000" if stat.S_ISLNK(unix) else _mode(unix)
        yield Entry(path, mode, info.file_size, lambda info=info: archive.read(info))  # type: ignore[misc]


def _mode(unix: int) -> bytes:
    return b"100755" if unix & 0o100 else b"100644"


def plain(path: bytes) -> bytes:
    """The path as git has it. Raises Refused where it leads out of the tree or into git's folder."""
    parts = [part for part in path.split(b"/") if part != b"."]
    if not parts or any(part in (b"", b"..") or part.lower() == b".git" for part in parts) or b"\0" in path:
        raise Refused(f"{path!r} is no path of a tree")
    return b"/".join(parts)


def tree(found: list[Entry]) -> Iterator[bytes]:
    """The stream of one commit; a single folder that everything is in is left off."""
    paths = [plain(entry.path) for entry in found]
    tops = {path.partition(b"/")[0] if b"/" in path else None for path in paths}
    top = tops.pop() if len(tops) == 1 else None
    yield b"commit " + REF + b"\ncommitter archive <> 0 +0000\ndata 0\n"
    for entry, path in zip(found, paths, strict=True):
        inside = path[len(top) + 1 :] if top else path
        quoted = inside.replace(b"\\", b"\\\\").replace(b'"', b'\\"').replace(b"\n", b"\\n")
        content = entry.read()
        yield b'M %s inline "%s"\ndata %d\n' % (entry.mode, quoted, len(content)) + content + b"\n"


def objects(found: list[Entry], repository: Path, packs: Path) -> None:
    """Puts the objects of an archived repository where they belong. Raises Refused for one that has another's name."""
    for entry in found:
        if loose := _LOOSE.fullmatch(entry.path):
            _keep(repository / "objects" / loose[1].decode(), loose[2].decode(), entry.read())
        elif pack := _PACK.fullmatch(entry.path):
            (packs / pack[1].decode()).write_bytes(entry.read())


def _keep(folder: Path, rest: str, compressed: bytes) -> None:
    name = folder.name + rest
    content = zlib.decompress(compressed)
    digest = hashlib.sha1(content) if len(name) == 40 else hashlib.sha256(content)
    if digest.hexdigest() != name:
        raise Refused(f"the object {name} has the content of {digest.hexdigest()}")
    folder.mkdir(exist_ok=True)
    (folder / rest).write_bytes(compressed)


def main(archive: str, repository: str, packs: str, most_bytes: str) -> None:
    """Write the stream, or the objects and an empty one. Raises Refused and what the formats' readers raise."""
    found = list(entries(Path(archive)))
    if sum(entry.size for entry in found) > int(most_bytes):
        raise Refused(f"unpacked it has more than {most_bytes} bytes")
    out = sys.stdout.buffer
    out.write(b"feature done\n")
    if any(_REPOSITORY.fullmatch(entry.path.removeprefix(b"./")) for entry in found):
        objects(found, Path(repository), Path(packs))
    else:
        out.writelines(tree(found))
    out.write(b"done\n")


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except (
        Refused,
        tarfile.TarError,
        zipfile.BadZipFile,
        zlib.error,
        OSError,
        EOFError,
        ValueError,
        RuntimeError,
    ) as no:
        sys.exit(f"the archive: {no}")
