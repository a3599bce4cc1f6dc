"""Sessions out of what other tools recorded. An importer is pure over its source: a file's content, or a repository.

What is not of its format raises `NotThisFormat`.
"""

import gzip
import json
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clients.importers import git_commit, mini_swe_agent
from clients.importers.formats import NotThisFormat
from clients.recorded import Session
from clients.repositories import Repository

GZIP_MAGIC = b"\x1f\x8b"


@dataclass(frozen=True, slots=True)
class Files:
    """A format whose sources are JSON files, gzipped or not."""

    convert: Callable[[dict[str, Any]], Session]

    def session(self, source: str, repo: Path | None) -> Session:
        """The session in the file named `source`. Raises NotThisFormat, OSError."""
        if repo is not None:
            raise NotThisFormat("this format is of files: it takes no repository")
        return self.read(Path(source).read_bytes())

    def read(self, content: bytes) -> Session:
        """The session in a file's bytes. Raises NotThisFormat."""
        try:
            plain = gzip.decompress(content) if content.startswith(GZIP_MAGIC) else content
            document = json.loads(plain)  # orjson refuses files with lone surrogates, which recorders do write
        except (OSError, EOFError, zlib.error, ValueError) as error:
            raise NotThisFormat(f"not readable as JSON: {error}") from error
        if not isinstance(document, dict):
            raise NotThisFormat("not a JSON object")
        return self.convert(document)


@dataclass(frozen=True, slots=True)
class Commits:
    """A format whose sources are commits of one repository."""

    convert: Callable[[Repository, str], Session]

    def session(self, source: str, repo: Path | None) -> Session:
        """The session of the commit that `source` names in a repository; that of the working folder where None."""
        return self.convert(Repository(repo or Path()), source)


IMPORTERS: dict[str, Files | Commits] = {
    "mini-swe-agent": Files(mini_swe_agent.convert),
    "git-commit": Commits(git_commit.convert),
}


def import_session(format_name: str, source: str | bytes, repo: Path | None = None) -> Session:
    """The session of a source: a file's name or its bytes, or a commit. KeyError: no such format; NotThisFormat."""
    importer = IMPORTERS[format_name]
    if isinstance(source, str):
        return importer.session(source, repo)
    if not isinstance(importer, Files):
        raise NotThisFormat("this format is of commits: it takes no file")
    return importer.read(source)
