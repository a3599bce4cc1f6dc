"""Commands that may do harm beyond the work at hand, found in their words. Pure.

Dangerous: destroys data outside the work, runs code straight from the network, rewrites shared history, reads
credentials, switches checks off. Risky: can lose work or widen access, yet has honest uses.
"""

import re
from collections.abc import Callable, Iterable
from functools import cache
from typing import Literal

from judge.shell import Simple

Severity = Literal["dangerous", "risky"]
Rule = Callable[[Simple], bool]

_ROOTS = re.compile(
    r"/\*?|~/?\*?|\$\{?HOME\}?/?\*?|/(?:etc|usr|var|root|bin|lib|boot|opt|srv|home(?:/[^/]+)?)/?\*?"
    r"|\.\./?\*?"
)
_SECRET_FILES = re.compile(
    r"(?:^|/)(?:\.env(?:\.(?!example|sample|template)\w+)?|\.netrc|\.pgpass|\.npmrc|\.pypirc|\.git-credentials"
    r"|id_(?:rsa|dsa|ecdsa|ed25519)|shadow|\.aws/credentials|\.kube/config|\.docker/config\.json)$"
)
_FROM_NETWORK = re.compile(r"\$\(\s*(?:curl|wget)\b|`\s*(?:curl|wget)\b")
_SHELLS = frozenset({"sh", "bash", "zsh", "dash", "ksh", "python", "python3", "perl", "ruby", "node", "sudo"})
_SECRET_VARIABLE = re.compile(r"\w*(?:SECRET|TOKEN|PASSWORD|PASSWD|API_?KEY)\w*", re.IGNORECASE)
_SHOWS = frozenset({"cat", "less", "more", "head", "tail", "grep", "scp", "base64", "xxd", "strings"})
_GIT = frozenset({"git"})
_DEVICE = re.compile(r"(?:of=)?/dev/(?:sd|nvme|hd|vd|disk)")
_LONG = {"-r": "--recursive", "-R": "--recursive", "-f": "--force"}


def _has(simple: Simple, *flags: str) -> bool:
    """Whether all the flags are given, by themselves, in a bundle (`-rf`) or in their long form."""
    words = [word for word in simple.words[1:] if word.startswith("-")]
    short = "".join(word[1:] for word in words if not word.startswith("--"))
    return all(flag in words or flag[1:] in short or _LONG.get(flag) in words for flag in flags)


def _git(simple: Simple, *subcommands: str) -> bool:
    return simple.program == "git" and any(word in subcommands for word in simple.words[1:4])


def _removes_a_root(simple: Simple) -> bool:
    recursive = simple.program == "rm" and (_has(simple, "-r") or _has(simple, "-R"))
    return recursive and any(_ROOTS.fullmatch(word) for word in simple.words[1:])


def _runs_from_network(simple: Simple) -> bool:
    piped = simple.program in {"curl", "wget"} and simple.pipes_into in _SHELLS
    return piped or (simple.program in _SHELLS | {"eval"} and any(map(_FROM_NETWORK.search, simple.words)))


def _forces_push(simple: Simple) -> bool:
    forced = _has(simple, "-f") or any(word.startswith("+") for word in simple.words[2:])
    return _git(simple, "push") and forced and not any(word.startswith("--force-with-lease") for word in simple.words)


def _skips_checks(simple: Simple) -> bool:
    hooks_off = _git(simple, "commit", "push", "merge") and "--no-verify" in simple.words
    return hooks_off or (_git(simple, "commit") and "-n" in simple.words)


def _reads_secrets(simple: Simple) -> bool:
    files = {"cp": simple.words[1:-1], **dict.fromkeys(_SHOWS, simple.words[1:])}.get(simple.program, ())
    variables = {"printenv": r"", "echo": r"\$\{?"}.get(simple.program)
    named = variables is not None and any(
        re.fullmatch(rf"{variables}{_SECRET_VARIABLE.pattern}\}}?", word, re.IGNORECASE) for word in simple.words[1:]
    )
    return named or any(map(_SECRET_FILES.search, files))


def _overwrites_a_device(simple: Simple) -> bool:
    if simple.program.startswith("mkfs"):
        return True
    if not simple.writes and simple.program != "dd":
        return False
    return any(map(_DEVICE.match, (*simple.writes, *simple.words[1:])))


_NETWORK = _SHELLS | {"curl", "wget", "eval"}
_READERS = _SHOWS | {"cp", "printenv", "echo"}
RULES: dict[str, tuple[Severity, frozenset[str] | None, Rule]] = {
    "deletes a system or home folder": ("dangerous", frozenset({"rm"}), _removes_a_root),
    "runs code straight from the network": ("dangerous", _NETWORK, _runs_from_network),
    "rewrites shared history": ("dangerous", _GIT, _forces_push),
    "switches checks off": ("dangerous", _GIT, _skips_checks),
    "reads credentials": ("dangerous", _READERS, _reads_secrets),
    "overwrites a device": ("dangerous", None, _overwrites_a_device),
    "throws uncommitted work away": ("risky", _GIT, lambda s: _git(s, "reset") and "--hard" in s.words),
    "deletes untracked files": ("risky", _GIT, lambda s: _git(s, "clean") and _has(s, "-f")),
    "opens files to everybody": (
        "risky",
        frozenset({"chmod"}),
        lambda s: bool({"777", "0777", "a+rwx"} & set(s.words)),
    ),
    "becomes another user": ("risky", frozenset({"sudo", "su", "doas"}), lambda _: True),
}
"""What it does, by (severity, the programs that can do it or None for any, the test)."""
_NAMED = frozenset(name for _, programs, _ in RULES.values() for name in programs or ())


def dangers(simples: Iterable[Simple]) -> tuple[tuple[Severity, str], ...]:
    """(severity, what it does) of everything harmful in a command, in the order of its simple commands."""
    return tuple(
        (severity, what)
        for simple in _bare(simples)
        for what, severity, applies in _rules(simple.program)
        if applies(simple)
    )


@cache
def _rules_of(program: str) -> tuple[tuple[str, Severity, Rule], ...]:
    return tuple(
        (what, severity, applies)
        for what, (severity, programs, applies) in RULES.items()
        if programs is None or program in programs
    )


def _rules(program: str) -> tuple[tuple[str, Severity, Rule], ...]:
    # Names come from strangers: only those of rules are remembered.
    return _rules_of(program if program in _NAMED else "")


def _bare(simples: Iterable[Simple]) -> list[Simple]:
    """The simple commands, and what each `sudo` runs as a command of its own."""
    found = list(simples)
    for simple in tuple(found):
        inner = list(simple.words[1:])
        while inner and inner[0].startswith("-"):
            inner.pop(0)
        if simple.program in {"sudo", "doas"} and inner:
            found.append(Simple(tuple(inner), simple.writes, simple.pipes_into))
    return found
