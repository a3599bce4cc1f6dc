"""Builds the trees under test with git, inside a container: the commands, and the reading of what they print.

Everything happens in git's index, before any code of the trace runs: no work tree, so neither attributes nor symbolic
links nor hooks of the repository have a say. Each tree's id then names exactly what a run was made of.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sandbox.environment import REPOSITORY, Environment, ExecResult
from sandbox.failures import NoVerdict, tail, unverifiable
from sandbox.job import Job
from sandbox.patching import SOURCE, TEST, TouchedPath, index_lines, touched_paths
from sandbox.spec import HOME, RUNS, WORK, Limits

MIRROR, BUNDLE = "mirror.tar", "workspace.bundle"
RAW_BYTES = 8 * 1024 * 1024
_BAD_WORKSPACE, _NO_COMMIT, _NO_APPLY = 20, 21, 22
_GIT = f"""
export GIT_DIR={REPOSITORY}/repo.git GIT_CONFIG_NOSYSTEM=1 GIT_CONFIG_GLOBAL=/dev/null HOME=/tmp LC_ALL=C.UTF-8
cd {REPOSITORY}
"""

# git wants as much context after a change as before it, else only at the file's end; editors cut it, hence a second try
_PREPARE = f"""{_GIT}
set -e
git init -q --bare repo.git
if [ -e in/{MIRROR} ]; then tar -xf in/{MIRROR} -C repo.git; fi
if [ -e in/{BUNDLE} ]; then
  git bundle unbundle in/{BUNDLE} >log 2>&1 || {{ cat log; exit {_BAD_WORKSPACE}; }}
fi
base=$(git rev-parse -q --verify "$1^{{commit}}" 2>log) || {{ cat log; exit {_NO_COMMIT}; }}
git read-tree "$base" 2>log || {{ cat log; exit {_BAD_WORKSPACE}; }}
markers=$2
shift 2
for patch in "$@"; do
  git apply --cached --whitespace=nowarn "in/$patch" 2>/dev/null ||
    git apply --cached --whitespace=nowarn --unidiff-zero "in/$patch" >log 2>&1 ||
    {{ echo "$patch"; cat log; exit {_NO_APPLY}; }}
done
rm -rf in/*
final=$(git write-tree)
base=$(git rev-parse "$base^{{tree}}")
echo "$base $final" $(git ls-tree --name-only "$base" -- $markers)
exec git diff-tree -r -z --raw --no-renames --no-abbrev "$base" "$final"
"""

_VARIANT = f"""{_GIT}
set -e
base=$1; shift
for lines in "$@"; do
  git read-tree "$base"
  git update-index -z --index-info <"in/$lines"
  git write-tree
done
rm -rf in/*
"""

# Everything the run before started ends first (kill does not spare what forks meanwhile): nothing meets the next run.
_UNPACK = f"""
kill -9 -1 2>/dev/null
find /tmp /dev/shm -mindepth 1 -delete
{_GIT}
set -e
mkdir {WORK} {HOME}
export GIT_INDEX_FILE=/tmp/index GIT_WORK_TREE={WORK}
cd {WORK}
git read-tree "$1"
git checkout-index -q -a
rm /tmp/index
"""


@dataclass(frozen=True, slots=True)
class Prepared:
    """The start commit's tree, what the diffs changed in it, and which of the markers are at its root."""

    base: str
    touched: tuple[TouchedPath, ...]
    markers: frozenset[str]


async def prepare(environment: Environment, job: Job, markers: Iterable[str], limits: Limits) -> Prepared:
    """Unpack the repository and apply the diffs. Raises NoVerdict where the commit is missing or one does not fit."""
    diffs = {f"{patch.seq:08}.patch": patch.diff for patch in job.patches}
    await environment.write_files({**job.workspace, **diffs})
    # an empty list of markers would list everything
    command = ["sh", "-c", _PREPARE, "prepare", job.commit, " ".join(markers) or ".no-marker", *diffs]
    done = await _trusted(environment, command, limits, RAW_BYTES)
    _refuse_unprepared(done, job.commit)
    first, _, raw = done.output.partition(b"\n")
    base, _final, *root = first.decode().split()
    return Prepared(base, touched_paths(raw), frozenset(root))


async def variants(
    environment: Environment, base: str, touched: Iterable[TouchedPath], limits: Limits
) -> dict[str, str]:
    """The tree id of every run, by run name."""
    paths = tuple(touched)
    parts = {run: {SOURCE: run.source, TEST: run.tests} for run in RUNS}
    lines = {run.name: index_lines(paths, (part for part, taken in parts[run].items() if taken)) for run in RUNS}
    await environment.write_files(lines)
    done = await _trusted(environment, ["sh", "-c", _VARIANT, "variants", base, *lines], limits, RAW_BYTES)
    if done.exit_code != 0:
        raise NoVerdict(unverifiable("bad_workspace", tail(done.output)))
    return dict(zip(lines, done.output.decode().split(), strict=True))


async def unpack(environment: Environment, tree: str, limits: Limits) -> None:
    """Put a tree into WORK, alone. Raises NoVerdict where no room or no process is left for it."""
    command = ["sh", "-c", _UNPACK, "unpack", tree]
    done = await environment.run(command, deadline_s=limits.prepare_timeout_s, output_bytes=limits.output_bytes)
    if done.exit_code != 0:
        raise NoVerdict(unverifiable("sandbox_exhausted", tail(done.output)))


async def _trusted(environment: Environment, command: Sequence[str], limits: Limits, output_bytes: int) -> ExecResult:
    return await environment.run(command, trusted=True, deadline_s=limits.prepare_timeout_s, output_bytes=output_bytes)


def _refuse_unprepared(done: ExecResult, commit: str) -> None:
    reasons = {_NO_COMMIT: "no_start_commit", _NO_APPLY: "patch_does_not_apply"}
    if done.exit_code == _NO_COMMIT:
        raise NoVerdict(unverifiable("no_start_commit", f"commit {commit} is not in the workspace"))
    if done.exit_code != 0 or done.truncated:
        raise NoVerdict(unverifiable(reasons.get(done.exit_code or 0, "bad_workspace"), tail(done.output)))
