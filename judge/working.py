"""How the work went: reproductions, steps of changes, corrections, files read again, files left lying about. Pure."""

import re
from collections.abc import Collection, Iterable, Sequence
from fnmatch import fnmatchcase

from judge.commands import is_test_path
from judge.timeline import Act, last_before

Seqs = tuple[int, ...]

MOST_PLACES = 2
"""Places changed in one step; a third without a check in between is crowded."""
_INLINE = re.compile(r"(?:\S*/)?(?:python[\d.]*|pypy[\d.]*|node|ruby|perl|php)(?: -\w+)* (?:-c|-e|-r|-|<<)(?: |$)")
_FILE = re.compile(r"[\w./-]*\w\.[A-Za-z]\w{0,4}\b")
_PAPERS = re.compile(r"\.(?:txt|patch|diff|log|out)$", re.IGNORECASE)
"""What a session writes down or hands in, such as its patch."""
_TEST_FOLDER = re.compile(r"(?:^|/)(?:tests?|testing|specs?|__tests__)/")


def own_reproductions(acts: Sequence[Act], first_edit: int) -> tuple[Act, ...]:
    """Checks before the first change of source that run something made for it: an inline script, or a file.

    The file is a test or a scratch file that the session wrote before.
    """
    found: list[Act] = []
    wrote = False
    for act in acts:
        if act.seq >= first_edit:
            break
        wrote = wrote or act.doing.edits_other
        if act.checks and (wrote or any(map(_INLINE.match, act.checks))):
            found.append(act)
    return tuple(found)


def crowded_edits(acts: Iterable[Act]) -> Seqs:
    """Changes of source in yet another place while those in other places are still unchecked."""
    found: list[int] = []
    places: set[str] = set()
    for act in acts:
        if act.edits_source and act.what not in places:
            if len(places) >= MOST_PLACES:
                found.append(act.seq)
            places.add(act.what)
        if act.checks:
            places.clear()
    return tuple(found)


def checked_steps(acts: Iterable[Act]) -> tuple[Seqs, Seqs]:
    """The checks that end a step of changes, and the changes of source after which nothing was run any more."""
    ends: list[int] = []
    open_edits: list[int] = []
    for act in acts:
        if act.edits_source:
            open_edits.append(act.seq)
        if act.checks and open_edits:
            ends.append(act.seq)
            open_edits.clear()
    return tuple(ends), tuple(open_edits)


def explained(
    corrections: Collection[int], acts: Sequence[Act], notes: Sequence[int], reasoned: Collection[int]
) -> Seqs:
    """Corrections with a reason: linked to a note, or with a note since the last check before them."""
    checks = [act.seq for act in acts if act.checks]
    return tuple(seq for seq in corrections if seq in reasoned or last_before(seq, notes) > last_before(seq, checks))


def rereads(acts: Iterable[Act]) -> Seqs:
    """Looks at a file that was looked at before, by another command, with nothing changed in between."""
    found: list[int] = []
    seen: set[str] = set()
    for act in acts:
        if act.doing.changes and not act.repeats:
            seen.clear()
        elif not act.checks and not act.repeats and (file := _FILE.search(act.what)):
            if file.group() in seen:
                found.append(act.seq)
            seen.add(file.group())
    return tuple(found)


def strays(acts: Iterable[Act]) -> Seqs:
    """Where scratch files were written beside the work and not removed again; tests in test folders are none."""
    left: dict[str, int] = {}
    for act in acts:
        for removed in act.doing.removes:
            left = {name: seq for name, seq in left.items() if not fnmatchcase(name, removed.rpartition("/")[2])}
        for path in act.doing.scratch:
            if not path.startswith("/tmp/") and not _TEST_FOLDER.search(path) and not _PAPERS.search(path):
                left[path.rpartition("/")[2]] = act.seq
    return tuple(sorted(set(left.values())))


def regression_tests(acts: Iterable[Act]) -> Seqs:
    """Where tests that stay were written: test files in a folder of tests."""
    return tuple(act.seq for act in acts if any(map(_is_kept_test, act.doing.scratch)))


def _is_kept_test(path: str) -> bool:
    return is_test_path(path) and _TEST_FOLDER.search(path) is not None
