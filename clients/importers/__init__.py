"""Sessions out of what other tools recorded. An importer is pure over its source: a file's content, or a repository.

What is not of its format raises `NotThisFormat`.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

from clients.importers import atif, claude_code, git_commit, mini_swe_agent, openhands, swe_agent
from clients.importers.content import Content
from clients.importers.formats import Imported, NotThisFormat
from clients.recorded import Session
from clients.repositories import Repository

Detect = Callable[[Content], bool]
Read = Callable[[Content], Iterator[Imported]]

# By the name that --format takes: whether a file is of the format, and its sessions.
IMPORTERS: dict[str, tuple[Detect, Read]] = {
    "mini-swe-agent": (mini_swe_agent.detect, mini_swe_agent.read),
    "swe-agent": (swe_agent.detect, swe_agent.read),
    "openhands": (openhands.detect, openhands.read),
    "claude-code": (claude_code.detect, claude_code.read),
    "atif": (atif.detect, atif.read),
}


def detected(content: Content) -> list[str]:
    """The formats that a file may be of."""
    return [name for name, (fits, _) in IMPORTERS.items() if fits(content)]


def sessions(format_name: str, content: Content) -> list[Imported]:
    """All sessions of a file. KeyError: no such format. Raises NotThisFormat."""
    _, read = IMPORTERS[format_name]
    found = list(read(content))
    for one in found:
        if content.altered:
            one.loss.altered["bytes that are not UTF-8 became U+FFFD"] += content.altered
        if content.unreadable:
            one.loss.dropped["line that is no JSON"] += len(content.unreadable)
    if not found:
        raise NotThisFormat("it holds no session")
    return found


def import_session(format_name: str, data: bytes) -> Session:
    """The one session of a file's bytes. Raises NotThisFormat, also where there are several; KeyError."""
    found = sessions(format_name, Content(data))
    if len(found) > 1:
        raise NotThisFormat(f"it holds {len(found)} sessions")
    return found[0].session


def commit_session(revision: str, folder: Path | None = None) -> Session:
    """The session of a commit in a repository; in that of the working folder where None. Raises NotThisFormat."""
    return git_commit.convert(Repository(folder or Path()), revision)
