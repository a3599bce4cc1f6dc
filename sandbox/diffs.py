"""Diffs as any editor or client writes them, made into what `git apply` takes. Pure.

A diff is never guessed at: what is changed here is its spelling (prefixes, headers, byte order mark), and the one other
reading that is offered is that of the same lines with the other line endings.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

ABSENT = "/dev/null"
_BOM = "\ufeff"
_GIT_HEADER = re.compile(r"^diff --git ", re.MULTILINE)
_GIT_PATHS = re.compile(
    r"^diff --git ([^\r\n]*)\r?\n(?:(?:old mode|new mode|similarity|dissimilarity) [^\n]*\n)*"
    r"(?:(?:rename|copy) from ([^\r\n]*))?",
    re.MULTILINE,
)
_FILE_HEADER = re.compile(r"^--- (?P<old>[^\n]*)\n\+\+\+ (?P<new>[^\n]*)\n(?=@@ )", re.MULTILINE)
_NEW_PATH = re.compile(r"^(?:\+\+\+ |rename to |copy to )(?P<path>[^\t\r\n]+)", re.MULTILINE)
_EMPTY_FILE = re.compile(r"--- /dev/null\r?\n\+\+\+ (?P<new>[^\t\r\n]+)[^\n]*\n\s*")
_NEW_FILE = re.compile(r"@@ -0,0 ")
_HUNK = re.compile(r"@@ -\d+(?:,(?P<old>\d+))? \+\d+(?:,(?P<new>\d+))? @@")


def appliable(diff: str, file_path: str | None) -> str:
    """The diff with the paths that `git apply` expects, whatever editor wrote it; see `strip_level`.

    A git diff is left as it is. Bare hunks get the headers of `file_path`; headers without prefixes get them.
    """
    text = diff.removeprefix(_BOM)
    text = text if text.endswith("\n") else text + "\n"
    if _GIT_HEADER.search(text):
        return text
    if empty := _EMPTY_FILE.fullmatch(text):
        path = _prefixed("b/", empty["new"], file_path)
        return f"diff --git {_swapped(path)} {path}\nnew file mode 100644\n"
    if text.startswith("@@ ") and file_path is not None:
        path = posix(file_path)
        text = f"--- {ABSENT if _NEW_FILE.match(text) else path}\n+++ {path}\n{text}"
    return _FILE_HEADER.sub(lambda header: _with_prefixes(header, file_path and posix(file_path)), text)


def strip_level(text: str) -> int:
    """What `git apply -p` is told for a diff of `appliable`: 0 where git was configured to write no prefixes."""
    return (
        0 if any(_same_twice(m[1]) or (m[2] and m[1].startswith(m[2] + " ")) for m in _GIT_PATHS.finditer(text)) else 1
    )


def other_line_endings(text: str) -> str:
    """The same diff for a file whose line endings are the other ones: editors and git translate them on the way."""
    return text.replace("\r\n", "\n") if "\r\n" in text else "".join(_with_carriage_returns(text))


def edited_path(text: str, file_path: str) -> str | None:
    """Which path of the tree a file edit left its buffer in; None where its diff leaves that open."""
    level = strip_level(text)
    paths = {_unprefixed(match["path"].rstrip(), match[0], level) for match in _NEW_PATH.finditer(text)} - {ABSENT, ""}
    wanted = posix(file_path)
    if wanted in paths or not paths:
        return wanted
    return paths.pop() if len(paths) == 1 else None


def posix(path: str) -> str:
    """A path with slashes, relative to the root of the repository, also where an editor on Windows names it."""
    slashed = path.replace("\\", "/") if "/" not in path else path
    return slashed.removeprefix("./")


def _same_twice(paths: str) -> bool:
    middle = len(paths) // 2
    return paths[middle : middle + 1] == " " and paths[:middle] == paths[middle + 1 :]


def _with_prefixes(header: re.Match[str], file_path: str | None) -> str:
    old, new = (header[side].split("\t")[0].rstrip() for side in ("old", "new"))
    prefixed = (old == ABSENT or _starts(old, "a/")) and (new == ABSENT or _starts(new, "b/"))
    if not prefixed or file_path in (old, new):
        old, new = (path if path == ABSENT else _marked(mark, path) for mark, path in (("a/", old), ("b/", new)))
    return f"--- {old}\n+++ {new}\n"


def _starts(path: str, mark: str) -> bool:
    return path.removeprefix('"').startswith(mark)


def _marked(mark: str, path: str) -> str:
    # git puts a name with unusual characters between quotes, prefix and all
    return f'"{mark}{path[1:]}' if path.startswith('"') else mark + path


def _prefixed(mark: str, path: str, file_path: str | None) -> str:
    path = path.rstrip()
    return path if _starts(path, mark) and path != file_path else _marked(mark, path)


def _swapped(path: str) -> str:
    return path.replace("b/", "a/", 1)


def _unprefixed(path: str, line: str, level: int) -> str:
    if path.startswith('"'):
        return ""  # quoted by git: the event has the name as it is
    if path == ABSENT or level == 0 or not line.startswith("+++ "):
        return path
    return path.partition("/")[2]


def _with_carriage_returns(text: str) -> Iterator[str]:
    lines = re.findall(r"[^\n]*\n", text)  # splitlines would also split at form feeds and the like
    old = new = 0  # lines of the hunk that are still to come
    for index, line in enumerate(lines):
        if hunk := _HUNK.match(line):
            old, new = int(hunk["old"] or 1), int(hunk["new"] or 1)
        elif line[0] != "\\" and (old > 0 or new > 0):
            old, new = old - (line[0] != "+"), new - (line[0] != "-")
            line = line if _ends_file(lines, index) else f"{line[:-1] or ' '}\r\n"
        yield line


def _ends_file(lines: list[str], index: int) -> bool:
    return index + 1 < len(lines) and lines[index + 1].startswith("\\")
