"""What a shell command does, as far as its words tell: looks, tests, runs, edits, undoes. Pure.

Only what is written counts, never what came out: exit codes and output are not read here.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from judge.shell import Simple


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


READERS = _names(
    "ls cat head tail less more grep egrep rg ag find tree wc pwd cd echo printf stat file which type whereis diff cmp"
    " sort uniq cut awk jq sed test [ true false date uname whoami xxd hexdump od nl column basename dirname realpath"
    " du df xargs tr export set for done fi esac sleep history man"
)
TEST_PROGRAMS = _names("pytest py.test tox nox nosetests nose2 jest vitest mocha phpunit rspec ctest runtests.py")
TEST_SUBCOMMAND = _names("go cargo npm yarn pnpm make mvn gradle gradlew dotnet mix manage.py")
TEST_MODULES = _names("pytest unittest nose2 tox nox")
INSTALLERS = _names("pip pip3 apt apt-get conda npm yarn pnpm poetry uv brew gem cargo")
# Neither a look nor a trial: records, copies, access.
OTHERS = _names("git tee cp mv rm mkdir touch perl patch chmod chown sudo source . sh bash curl wget")
_NO_TRIALS = READERS | INSTALLERS | OTHERS
GIT_UNDOES = frozenset({"checkout", "restore", "stash", "reset", "revert"})
GIT_EDITS = frozenset({"apply", "am", "cherry-pick", "merge", "rebase"})
_PYTHON = re.compile(r"python[\d.]*|pypy[\d.]*")
_TEST_PATH = re.compile(
    r"(?:^|/)(?:tests?|testing|spec)/|(?:^|/)(?:test_|conftest)[^/]*$|_test\.\w+$|\.(?:test|spec)\.\w+$"
)
_SCRATCH = re.compile(
    r"^/(?:tmp|dev)/|(?:^|/)(?:\w+_)?(?:test|repro|debug|scratch|check|try|verify|demo|analy[sz]e|explore)[^/]*$"
    r"|\.(?:txt|patch|diff|log|out|orig|rej|bak|backup)$",
    re.IGNORECASE,
)
_BACKUP = re.compile(r"\.(?:bak|backup|orig|fixed)$|~$", re.IGNORECASE)
_NARROWS = re.compile(r"::|^-k$|\.py$|^[\w./-]+/[\w./-]*$")


@dataclass(frozen=True, slots=True)
class Doing:
    """What one command does. `checks` are its tests and trial runs, spelled so that the same check is found again.

    `scratch` are the test and scratch files that it writes, `removes` the paths or patterns that it deletes.
    """

    checks: tuple[str, ...] = ()
    whole_suite: bool = False
    edits_source: bool = False
    edits_other: bool = False
    undoes: bool = False
    scratch: tuple[str, ...] = ()
    removes: tuple[str, ...] = ()

    @property
    def changes(self) -> bool:
        """Whether files may be different afterwards."""
        return self.edits_source or self.edits_other or self.undoes


def is_test_path(path: str) -> bool:
    """Whether a file holds tests rather than what is tested."""
    return _TEST_PATH.search(path) is not None


def is_scratch(path: str) -> bool:
    """Whether a file is no part of what is tested: a test, or something made on the way."""
    return is_test_path(path) or _SCRATCH.search(path) is not None


def doing(simples: Sequence[Simple]) -> Doing:
    """What a command does, by its simple commands: all of it where several are joined."""
    written = _written(simples)
    scratch = [path for path in written if is_scratch(path)]
    undoes = any(_undoes(simple) for simple in simples)
    checks = [simple for simple in simples if _is_check(simple)]
    return Doing(
        checks=tuple(" ".join(simple.words) for simple in checks),
        whole_suite=any(is_test(simple) and not any(map(_NARROWS.search, simple.words[1:])) for simple in checks),
        edits_source=len(written) > len(scratch) and not undoes,
        edits_other=any(not path.startswith("/dev/") for path in scratch),
        undoes=undoes,
        scratch=tuple(path for path in scratch if not path.startswith("/dev/")),
        removes=tuple(path for simple in simples for path in _removed(simple)),
    )


def is_test(simple: Simple) -> bool:
    """Whether a test runner is started."""
    words = simple.words
    if simple.program in TEST_PROGRAMS:
        return True
    if _PYTHON.fullmatch(simple.program):
        module = words[words.index("-m") + 1] if "-m" in words[:-1] else ""
        scripts = [word.rpartition("/")[2] for word in words[1:3]]
        return module in TEST_MODULES or "runtests.py" in scripts or scripts == ["manage.py", "test"]
    return simple.program in TEST_SUBCOMMAND and "test" in words[1:3]


def _is_check(simple: Simple) -> bool:
    """A test run, or a trial run of any program that is not known to only look, install or keep records."""
    if is_test(simple):
        return True
    if not simple.words or simple.program in _NO_TRIALS:
        return False
    return "--version" not in simple.words and "--help" not in simple.words and simple.words[1:3] != ("-m", "pip")


def _written(simples: Iterable[Simple]) -> list[str]:
    """Files that the commands write, seen from where they are after every `cd`."""
    folder = ""
    found = []
    for simple in simples:
        if simple.program == "cd":
            folder = f"{simple.words[-1].rstrip('/')}/" if len(simple.words) > 1 else ""
        found += [path if path.startswith("/") else folder + path for path in _targets(simple)]
    return found


def _targets(simple: Simple) -> list[str]:
    """Files whose content the command sets; backups of a file are no edit of it."""
    paths = list(simple.writes)
    words = simple.words[1:]
    files = [word for word in words if not word.startswith("-")]
    if simple.program == "tee":
        paths += files
    elif simple.program in {"sed", "perl"} and any(re.match(r"-\w*i|--in-place", word) for word in words):
        paths += files[1:] or files
    elif simple.program == "patch" or (simple.program == "git" and words[:1] and words[0] in GIT_EDITS):
        paths.append("a patched file")
    elif simple.program in {"cp", "mv"} and len(files) > 1:
        paths.append(files[-1])
    return [path for path in paths if not _BACKUP.search(path)]


def _removed(simple: Simple) -> list[str]:
    """What the command deletes; moved away is deleted as well."""
    if simple.program in {"rm", "unlink", "shred"}:
        return [word for word in simple.words[1:] if not word.startswith("-")]
    if simple.program == "mv":
        return [word for word in simple.words[1:-1] if not word.startswith("-")]
    return ["*"] if simple.program == "git" and simple.words[1:2] == ("clean",) else []


def _undoes(simple: Simple) -> bool:
    words = simple.words[1:]
    if simple.program == "git" and words and words[0] in GIT_UNDOES:
        return not {"-b", "list", "show", "-c"} & set(words)
    return simple.program in {"cp", "mv"} and len(words) > 1 and bool(_BACKUP.search(words[-2]))
