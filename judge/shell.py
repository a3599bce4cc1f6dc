"""Shell text taken apart just far enough to classify it: simple commands with their words and the files they write.

No shell: expansions stay as written. Bodies of here-documents are data and left out, unless a shell reads them. Time is
linear in the text, whatever it contains: it comes from strangers.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

_HEREDOC = re.compile(r"(?<!<)<<-?[ \t]*(['\"]?)([A-Za-z_]\w*)\1")
_TOKEN = re.compile(
    r"(?P<space>[ \t\r\f\v]+|\\\n)"
    r"|(?P<comment>(?:(?<=[\s;|&()])|^)\#[^\n]*)"
    r"|(?P<write>[12&]?>>?\|?(?!&))"
    r"|(?P<duplicate>\d?>&\d?-?)"
    r"|(?P<read><<<|<<-?|<)"
    r"|(?P<end>\|\||&&|\|&?|;;?|&|\n|[(){}](?=[\s;)]|$)|\()"
    r"|(?P<word>(?:\\.|'[^']*'|\"(?:\\.|[^\"\\])*\"|[^\s;|&()<>'\"\\]++)+)"
    r"|(?P<other>.)",
    re.DOTALL,
)
_QUOTED = re.compile(r"'([^']*)'|\"((?:\\.|[^\"\\])*)\"|\\(.)", re.DOTALL)
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=")
_SHELLS = {"sh", "bash", "zsh", "dash", "ksh"}
_WRAPPERS = {"env", "time", "nohup", "exec", "command", "then", "do", "else", "!", "if", "while", "timeout"}
_DEEPEST = 3


@dataclass(frozen=True, slots=True)
class Simple:
    """One simple command: its words (program first), the files it writes by redirection, the program it pipes into."""

    words: tuple[str, ...]
    writes: tuple[str, ...] = ()
    pipes_into: str | None = None
    program: str = field(init=False)
    """The program's name without its folder; empty for a bare redirection."""

    def __post_init__(self) -> None:
        # Kept, because it is asked for some thirty times.
        object.__setattr__(self, "program", self.words[0].rpartition("/")[2] if self.words else "")


def simple_commands(text: str, depth: int = 0) -> tuple[Simple, ...]:
    """The simple commands of a text, in order; those inside `sh -c '...'` and of here-documents for a shell too."""
    commands, bodies = without_heredocs(text)
    found: list[Simple] = []
    for simple in _linked(commands):
        found.append(simple)
        if depth < _DEEPEST:
            found.extend(inner for script in _scripts(simple, bodies) for inner in simple_commands(script, depth + 1))
    return tuple(found)


def without_heredocs(text: str) -> tuple[str, tuple[str, ...]]:
    """The text without the bodies of its here-documents, and those bodies."""
    if "<<" not in text:
        return text, ()
    lines = text.split("\n")
    last_at = {line.strip(): number for number, line in enumerate(lines)}
    kept: list[str] = []
    bodies: list[str] = []
    number = 0
    while number < len(lines):
        line = lines[number]
        kept.append(line)
        number += 1
        for _, delimiter in _HEREDOC.findall(line):
            if last_at.get(delimiter, -1) < number:
                continue  # never closed: a shift operator or a quoted `<<`, no here-document
            start = number
            while lines[number].strip() != delimiter:
                number += 1
            bodies.append("\n".join(lines[start:number]))
            number += 1
    return "\n".join(kept), tuple(bodies)


def _scripts(simple: Simple, bodies: tuple[str, ...]) -> Iterator[str]:
    if simple.program not in _SHELLS:
        return
    if "-c" in simple.words[:-1]:
        yield simple.words[simple.words.index("-c") + 1]
    elif len(simple.words) == 1:
        yield from bodies


def _linked(text: str) -> Iterator[Simple]:
    parts = list(_parts(text))
    for number, (words, writes, end) in enumerate(parts):
        target = parts[number + 1][0] if end.startswith("|") and end != "||" and number + 1 < len(parts) else ()
        if words or writes:
            yield Simple(words, writes, target[0].rpartition("/")[2] if target else None)


def _parts(text: str) -> Iterator[tuple[tuple[str, ...], tuple[str, ...], str]]:
    """(words, written files, what ended it) of each simple command."""
    words: list[str] = []
    writes: list[str] = []
    redirection = ""
    for token in _TOKEN.finditer(text):
        kind, value = token.lastgroup or "", token.group()
        if kind == "end":
            yield _program_first(words), tuple(writes), value
            words, writes, redirection = [], [], ""
        elif kind == "word":
            target = writes if redirection == "write" else words
            if redirection != "read":
                target.append(_unquoted(value))
            redirection = ""
        elif kind in {"write", "read"}:
            redirection = "" if value.startswith("2") else kind
            if value.startswith("2"):
                redirection = "read"  # where errors go is nobody's edit
    yield _program_first(words), tuple(writes), ""


def _program_first(words: list[str]) -> tuple[str, ...]:
    """Without leading assignments and wrappers, so that the first word is what really runs."""
    start = 0
    while start < len(words) - 1 and (words[start] in _WRAPPERS or _ASSIGNMENT.match(words[start])):
        start += 1
        if words[start - 1] == "timeout":
            while start < len(words) - 1 and (words[start].startswith("-") or words[start][0].isdigit()):
                start += 1
    return tuple(words[start:])


def _unquoted(word: str) -> str:
    if "'" not in word and '"' not in word and "\\" not in word:
        return word
    return _QUOTED.sub(lambda found: next(part for part in found.groups() if part is not None), word)
