"""Finds the repository a trace started from: a local mirror, what the client uploaded, or its origin.

Nothing is unpacked and no git runs here: the bytes go into a container as they are.
"""

from __future__ import annotations

import asyncio
import io
import re
import tarfile
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from pipeline.objectstore import ObjectMissing, ObjectStore, artifact_key
from sandbox.checkout import ARCHIVE, BUNDLE, MIRROR
from sandbox.failures import NoVerdict, unverifiable
from schemas.records import TraceAssembled

KIND = "workspace"
BUNDLE_SIGNATURES = (b"# v2 git bundle\n", b"# v3 git bundle\n")
_ARCHIVE_SIGNATURES = (b"\x1f\x8b", b"PK\x03\x04", b"\xfd7zXZ\x00", b"BZh")  # gzip, zip, xz, bzip2
_TAR_OFFSET = 257  # of the word "ustar" in a tar file
_PLAIN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


Fetch = Callable[[str, str], Awaitable[Path]]
"""The object folder that a commit of an origin was fetched into; raises NoVerdict."""


async def find_workspace(
    assembled: TraceAssembled,
    document: Mapping[str, Any],
    repos: Path | None,
    store: ObjectStore,
    limit_bytes: int,
    fetch: Fetch | None = None,
) -> dict[str, bytes]:
    """What checkout.prepare takes: MIRROR, BUNDLE or ARCHIVE, or two of them. Raises NoVerdict where there is none.

    What is here already comes first; only without it the origin is asked, where `fetch` may.
    """
    found: dict[str, bytes] = {}
    if mirror := mirror_of(assembled.repo_origin, repos):
        found[MIRROR] = await asyncio.to_thread(pack_objects, mirror, limit_bytes)
    found |= await _uploaded(assembled, document, store)
    if not found and fetch is not None and assembled.start_commit:
        objects = await fetch(assembled.repo_origin, assembled.start_commit)
        found[MIRROR] = await asyncio.to_thread(pack_objects, objects, limit_bytes)
    if not found:
        raise NoVerdict(unverifiable("no_workspace"))
    size = sum(map(len, found.values()))
    if size > limit_bytes:
        raise NoVerdict(unverifiable("bad_workspace", f"{size} bytes of at most {limit_bytes}"))
    return found


def mirror_of(origin: str, repos: Path | None) -> Path | None:
    """The object folder of the mirror that `origin`'s last path part names; None where there is no such repository."""
    name = re.split(r"[/:]", origin.rstrip("/"))[-1].removesuffix(".git")
    if repos is None or not _PLAIN_NAME.fullmatch(name):
        return None
    candidates = (repos / name / ".git", repos / name, repos / f"{name}.git")
    return next((folder / "objects" for folder in candidates if (folder / "objects").is_dir()), None)


def pack_objects(objects: Path, limit_bytes: int) -> bytes:
    """A tar file of a repository's objects, nothing else of it. Raises NoVerdict above `limit_bytes`."""
    archive, total = io.BytesIO(), 0
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for path in sorted(objects.glob("*/*")):
            if path.parent.name == "info" or not path.is_file() or path.is_symlink():
                continue
            total += path.stat().st_size
            if total > limit_bytes:
                raise NoVerdict(unverifiable("bad_workspace", f"the mirror has more than {limit_bytes} bytes"))
            tar.add(path, f"objects/{path.relative_to(objects).as_posix()}", recursive=False)
    return archive.getvalue()


def uploads(document: Mapping[str, Any]) -> list[str]:
    """Digests of the workspaces that the client uploaded; the last one counts."""
    return [artifact["sha256"] for artifact in document["artifacts"].values() if artifact["kind"] == KIND]


async def _uploaded(assembled: TraceAssembled, document: Mapping[str, Any], store: ObjectStore) -> dict[str, bytes]:
    digests = uploads(document)
    if not digests:
        return {}
    try:
        bundle = await store.get(artifact_key(assembled.project, assembled.trace_id, digests[-1], private=True))
    except ObjectMissing:
        raise NoVerdict(unverifiable("no_workspace", "the workspace artifact is not in the object store")) from None
    if bundle.startswith(BUNDLE_SIGNATURES):
        return {BUNDLE: bundle}
    if bundle.startswith(_ARCHIVE_SIGNATURES) or bundle[_TAR_OFFSET:].startswith(b"ustar"):
        return {ARCHIVE: bundle}
    raise NoVerdict(unverifiable("bad_workspace", "neither a git bundle nor a tar or zip file"))
