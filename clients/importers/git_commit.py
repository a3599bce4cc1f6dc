"""A commit of a git repository as a session: what its author changed, when, and why, as far as the commit says.

| of the commit | becomes |
|---|---|
| its only parent | the start commit, whole in the workspace bundle |
| its message | `rationale_note` with the message as its text; title and description of the task |
| each file it changes, in git's order | `file_edit` with git's diff, and the digest of the file afterwards |
| itself | `commit` with its id, message, parents, and the whole diff where that is not long |

The commit event has the author's time, each event before it one second less: a commit does not say when its files were
edited. Renames are a removal and an addition, binary files are git's binary diffs. Nothing is invented: no test run is
claimed, and no author kind.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from clients.importers.formats import NotThisFormat, acceptable
from clients.recorded import Session
from clients.repositories import GitFailed, Repository
from schemas.api import CreateTrace

SECOND_US = 1_000_000
LONGEST_DIFF_CHARS = 60_000  # of the commit event, which must fit into a chunk beside others
MOST_CAUSES = 64
_ABOUT = "--format=%an%x00%at%x00%P%x00%B"
_DIFF = (
    *("diff-tree", "-p", "--no-commit-id", "--no-renames", "--full-index", "--binary"),
    *("--no-ext-diff", "--no-textconv", "--src-prefix=a/", "--dst-prefix=b/"),
)
_RAW = ("diff-tree", "-r", "-z", "--raw", "--no-commit-id", "--no-renames", "--no-abbrev")
_SECTION = re.compile(rb"^(?=diff --git )", re.MULTILINE)
_GITLINK, _REMOVED, _RETYPED = "160000", "D", "T"


@dataclass(frozen=True, slots=True)
class About:
    """What a commit says of itself. `at_us`: the author's time, microseconds since the epoch."""

    id: str
    parent: str
    author: str
    at_us: int
    message: str


@dataclass(frozen=True, slots=True)
class Change:
    """One file of a commit: its diff, and the digest of its content afterwards (None: removed, or a submodule)."""

    path: str
    diff: str
    digest: str | None


def convert(repository: Repository, revision: str) -> Session:
    """The session of a commit. Raises NotThisFormat for one that has no single parent, changes nothing, or is not text
    in UTF-8, and where git cannot answer."""
    try:
        about = _about(repository, repository.commit(revision))
        changes = tuple(_changes(repository, about))
        if not changes:
            raise NotThisFormat(f"{revision} changes no file")
        return Session(_trace(repository, about), (_events(about, changes),), repository.bundle(about.parent))
    except GitFailed as error:
        raise NotThisFormat(str(error)) from error


def _about(repository: Repository, id: str) -> About:
    told = repository.git("log", "-1", "--no-show-signature", "--no-mailmap", "--encoding=UTF-8", _ABOUT, id)
    author, seconds, parents, message = told.decode(errors="replace").split("\0", 3)
    first, *others = parents.split() or [""]
    if others:
        raise NotThisFormat(f"{id} is a merge: name the commits that it merges")
    if not first:
        raise NotThisFormat(f"{id} has no parent that a session could start from")
    if int(seconds) < 0:
        raise NotThisFormat(f"{id} has an author time before 1970")
    return About(id, first, acceptable(author), int(seconds) * SECOND_US, acceptable(message.strip()))


def _changes(repository: Repository, about: About) -> Iterator[Change]:
    fields = repository.git(*_RAW, about.parent, about.id).decode(errors="surrogateescape").split("\0")
    sections = iter(_SECTION.split(repository.git(*_DIFF, about.parent, about.id))[1:])
    for meta, path in zip(fields[0:-1:2], fields[1::2], strict=False):
        _old, mode, _before, blob, status = meta.removeprefix(":").split(" ")
        # git tells a file that became a link as a removal and an addition
        diff = next(sections) + (next(sections) if status == _RETYPED else b"")
        kept = status != _REMOVED and mode != _GITLINK
        content = repository.git("cat-file", "blob", blob) if kept else b""
        yield Change(_utf8(path, path), _utf8(diff, path), f"sha256:{sha256(content).hexdigest()}" if kept else None)


def _utf8(told: str | bytes, path: str) -> str:
    try:
        text = told.decode() if isinstance(told, bytes) else told
        text.encode()
    except UnicodeError as error:
        raise NotThisFormat(f"{path!a} is not in UTF-8, and an event can hold nothing else") from error
    if "\0" in text:
        raise NotThisFormat(f"{path!a} has a NUL in its diff, which an event cannot hold")
    return text


def _events(about: About, changes: tuple[Change, ...]) -> list[dict[str, Any]]:
    note = {"type": "rationale_note", "text": about.message or "(no message)"}
    edits = [_edit(change) for change in changes]
    diff = "".join(change.diff for change in changes)
    whole = {"diff_unified": diff} if len(diff) <= LONGEST_DIFF_CHARS else {}
    commit = {"type": "commit", "sha": about.id, "message": about.message, "parents": [about.parent], **whole}
    events = [note, *edits, commit]
    ids = [f"evt-{number:04d}" for number in range(1, len(events) + 1)]
    causes = [[], *([ids[0]] for _ in edits), ids[1:-1][-MOST_CAUSES:]]
    first_us = max(about.at_us - (len(events) - 1) * SECOND_US, 0)
    return [
        {"id": id, "seq": seq, "ts_client_us": first_us + seq * SECOND_US, **event, **({"caused_by": by} if by else {})}
        for seq, (id, event, by) in enumerate(zip(ids, events, causes, strict=True))
    ]


def _edit(change: Change) -> dict[str, Any]:
    after = {"buffer_hash_after": change.digest} if change.digest else {}
    return {"type": "file_edit", "file_path": change.path, "diff_unified": change.diff, **after}


def _trace(repository: Repository, about: About) -> CreateTrace:
    origin = _origin(repository)
    subject, _, body = about.message.partition("\n")
    name = origin.rstrip("/").rpartition("/")[2].removesuffix(".git")
    return CreateTrace(
        participant_id=f"git:{about.author or 'unknown'}"[:256],
        consent="research",
        task_id=f"{name[-200:]}@{about.id[:12]}",
        task_title=subject[:1024] or about.id,
        task_description=body.strip()[:65_536] or None,
        repo_origin=origin[:1024],
        start_commit=about.parent,
        environment={"source_format": "git-commit", "commit": about.id},
    )


def _origin(repository: Repository) -> str:
    """The address of the remote `origin` without user and password; the folder's name where there is none."""
    try:
        url = repository.git("config", "--get", "remote.origin.url").decode(errors="replace").strip()
    except GitFailed:
        url = ""
    parts = urlsplit(url)
    if parts.scheme and "@" in parts.netloc:
        url = urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
    return acceptable(url) or repository.folder.resolve().name or "unknown"
