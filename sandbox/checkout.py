"""Builds the trees under test with git, inside a container: the commands, and the reading of what they print.

Everything happens in git's index, before any code of the trace runs: no work tree, so neither attributes nor symbolic
links nor hooks of the repository have a say. Each tree's id then names exactly what a run was made of.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sandbox.environment import REPOSITORY, Environment, ExecResult
from sandbox.failures import NoVerdict, tail, unverifiable
from sandbox.job import Job
from sandbox.patching import CONFIGURATION, SOURCE, TEST, Patch, TouchedPath, displaced, index_lines, touched_paths
from sandbox.spec import HOME, RUNS, WORK, Limits, Run

MIRROR, BUNDLE, ARCHIVE, PLAN = "mirror.tar", "workspace.bundle", "workspace.archive", "plan"
SAME, DIFFERENT, ABSENT = "same", "different", "absent"  # a file beside its client's claim; line endings do not count
_AT_ONCE = 64  # files that are compared at once: all of them may not fit into the container's memory
_SHA256_DIGITS = 64
_PROGRAM, _UNARCHIVE, _ARCHIVED = Path(__file__).with_name("unarchive.py"), "unarchive.py", "refs/heads/archive"
NAMED = 5  # edits or paths named in a detail
RAW_BYTES = 8 * 1024 * 1024
_BAD_WORKSPACE, _NO_COMMIT, _NO_APPLY = 20, 21, 22
_GIT = f"""
export GIT_DIR={REPOSITORY}/repo.git GIT_CONFIG_NOSYSTEM=1 GIT_CONFIG_GLOBAL=/dev/null HOME=/tmp LC_ALL=C.UTF-8
export GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=core.protectHFS GIT_CONFIG_VALUE_0=true
cd {REPOSITORY}
"""

# git wants as much context after a change as before it, else only at the file's end; editors cut it, hence a second try
_PREPARE = f"""{_GIT}
set -e
git init -q --bare --object-format="$2" repo.git
if [ -e in/{MIRROR} ]; then tar -xf in/{MIRROR} -C repo.git; fi
if [ -e in/{BUNDLE} ]; then
  git bundle unbundle in/{BUNDLE} >log 2>&1 || {{ cat log; exit {_BAD_WORKSPACE}; }}
fi
archived=
if [ -e in/{ARCHIVE} ]; then
  mkdir packs
  python3 -I in/{_UNARCHIVE} in/{ARCHIVE} repo.git packs "$4" 2>log | git fast-import --quiet --done >>log 2>&1 ||
    {{ cat log; exit {_BAD_WORKSPACE}; }}
  for pack in packs/*; do
    [ ! -e "$pack" ] || git index-pack --stdin <"$pack" >log 2>&1 || {{ cat log; exit {_BAD_WORKSPACE}; }}
  done
  archived=$(git rev-parse -q --verify "{_ARCHIVED}^{{tree}}" || true)
  rm -rf packs
fi
base=$(git rev-parse -q --verify "${{1:-$archived}}^{{tree}}" 2>log) || {{ cat log; exit {_NO_COMMIT}; }}
git read-tree "$base" 2>log || {{ cat log; exit {_BAD_WORKSPACE}; }}
applies() {{
  git apply --cached --whitespace=nowarn "-p$1" "in/$2" 2>/dev/null ||
    git apply --cached --whitespace=nowarn --unidiff-zero "-p$1" "in/$2" >log 2>&1
}}
while read -r patch strip path; do
  applies "$strip" "$patch" || {{ [ -e "in/$patch.otherwise" ] && applies "$strip" "$patch.otherwise"; }} ||
    {{ echo "$patch"; cat log; exit {_NO_APPLY}; }}
  if [ -n "$path" ]; then
    git ls-files -s -- ":(literal)$path" | while read -r mode blob _; do
      case "$mode" in 100*) printf '%s %s\\t%s\\n' "$mode" "$blob" "$patch" >>claims;; esac
    done
  fi
done <in/{PLAN}
rm -rf in/* log
echo "$base $(git write-tree)" $(git ls-tree --name-only "$base" -- $3)
[ ! -e claims ] || split -l {_AT_ONCE} claims claims.
export GIT_INDEX_FILE=claims.index
for part in claims.*; do
  [ -e "$part" ] || break
  git update-index --add --index-info <"$part"
  git --work-tree=. checkout-index -a --prefix=claimed/
  cd claimed
  sha256sum *
  sed -z -i 's/\\r\\n/\\n/g' *
  sha256sum *
  sed -z -i 's/\\n/\\r\\n/g' *
  sha256sum *
  cd ..
  rm -rf claimed claims.index
done
unset GIT_INDEX_FILE
rm -rf claims*
echo
exec git diff-tree -r -z --raw --no-renames --no-abbrev "$base" "$(git write-tree)"
"""

# The code under test gets to read these trees alone: in the repository's history a later fix may lie.
_VARIANT = f"""{_GIT}
set -e
base=$1; shift
for lines in "$@"; do
  git read-tree "$base"
  git update-index -z --index-info <"in/$lines"
  git write-tree
done >trees
GIT_DIR=trees.git git init -q --bare --object-format="$(git rev-parse --show-object-format)"
git pack-objects -q --revs --window=0 trees.git/objects/pack/pack <trees >log 2>&1 || {{ cat log; exit 1; }}
chmod 700 repo.git
cat trees
rm -rf in/* trees log
"""

# Everything the run before started ends first (kill does not spare what forks meanwhile): nothing meets the next run.
_UNPACK = f"""
kill -9 -1 2>/dev/null
find /tmp /dev/shm -mindepth 1 -delete
{_GIT}
set -e
mkdir {WORK} {HOME}
export GIT_DIR={REPOSITORY}/trees.git
export GIT_INDEX_FILE=/tmp/index GIT_WORK_TREE={WORK}
cd {WORK}
git read-tree "$1"
git checkout-index -q -a
rm /tmp/index
"""


@dataclass(frozen=True, slots=True)
class Prepared:
    """The trees of the start commit and after every diff, what differs, and which of the markers the start commit has.

    `compared` has every edit whose buffer a client described, in order: its file was SAME, DIFFERENT or ABSENT.
    """

    base: str
    final: str
    touched: tuple[TouchedPath, ...]
    compared: tuple[tuple[Patch, str], ...]
    markers: frozenset[str]

    def facts(self) -> dict[str, str]:
        """What goes into the record of the validation."""
        counts = Counter(state for _, state in self.compared)
        differing = named([patch for patch, state in self.compared if state == DIFFERENT])
        facts = {f"buffers_{state}": str(counts[state]) for state in (SAME, DIFFERENT, ABSENT)}
        return {"tree_start": self.base, "tree_final": self.final, **facts, "buffers_differing": differing}

    def refuse_unlike(self) -> None:
        """Raises NoVerdict where the final tree is not the one that the client had, or not all of it is here.

        Of each file the last description counts: one that an earlier edit missed tells nothing about what is tested.
        """
        last = {patch.claim.path: (patch, state) for patch, state in self.compared if patch.claim}
        if differing := [patch for patch, state in last.values() if state == DIFFERENT]:
            raise NoVerdict(unverifiable("buffer_mismatch", named(differing)))
        submodules = tuple(path for path in self.touched if path.submodule)
        for reason, paths in (("submodule_changed", submodules), ("tests_displaced", displaced(self.touched))):
            if paths:
                names = (path.path.decode(errors="replace") for path in paths[:NAMED])
                raise NoVerdict(unverifiable(reason, ", ".join(names)))


def named(patches: Sequence[Patch]) -> str:
    """The first of these edits in words."""
    more = f" and {len(patches) - NAMED} more" if len(patches) > NAMED else ""
    return ", ".join(f"event {p.seq} ({p.claim.path if p.claim else ''})" for p in patches[:NAMED]) + more


async def prepare(environment: Environment, job: Job, markers: Iterable[str], limits: Limits) -> Prepared:
    """Unpack the repository and apply the diffs, one after the other. The job's commit may also be the id of a tree,
    or empty: then it is the tree of the uploaded archive.

    Raises NoVerdict where the commit is missing or a diff does not apply.
    """
    by_name = {f"{number}-event-{patch.seq}": patch for number, patch in enumerate(job.patches)}
    program = {_UNARCHIVE: _PROGRAM.read_bytes()} if ARCHIVE in job.workspace else {}
    await environment.write_files({**job.workspace, **program, **_inputs(by_name)})
    object_format = "sha256" if len(job.commit) == _SHA256_DIGITS else "sha1"
    # an empty list of markers would list everything
    parameters = (job.commit, object_format, " ".join(markers) or ".no-marker", str(limits.workspace_bytes))
    done = await trusted(environment, ["sh", "-c", _PREPARE, "prepare", *parameters], limits, RAW_BYTES)
    _refuse_unprepared(done, job.commit)
    head, _, raw = done.output.partition(b"\n\n")
    first, *checks = head.decode().splitlines()
    base, final, *root = first.split()
    return Prepared(base, final, touched_paths(raw), _compared(by_name, checks), frozenset(root))


def _inputs(patches: Mapping[str, Patch]) -> dict[str, bytes]:
    """The diffs as files, and PLAN: their names in order, each with its strip level and the path to compare, if any."""
    paths = {name: patch.claim.path if patch.claim else "" for name, patch in patches.items()}
    lines = (f"{name} {patch.strip} {paths[name]}\n" for name, patch in patches.items())
    diffs = {name: patch.diff for name, patch in patches.items()}
    others = {f"{name}.otherwise": patch.otherwise for name, patch in patches.items() if patch.otherwise}
    return {PLAN: "".join(lines).encode(), **diffs, **others}


def _compared(patches: Mapping[str, Patch], checks: Iterable[str]) -> tuple[tuple[Patch, str], ...]:
    """Each claim and its state, from lines of sha256sum: of a file as it is and with either line endings."""
    found: dict[str, set[str]] = {}
    for check in checks:
        digest, _, name = check.partition("  ")
        found.setdefault(name, set()).add(digest)
    claims = ((name, patch, patch.claim.sha256) for name, patch in patches.items() if patch.claim)
    states = ((p, ABSENT if name not in found else SAME if it in found[name] else DIFFERENT) for name, p, it in claims)
    return tuple(states)


async def variants(
    environment: Environment, base: str, touched: Sequence[TouchedPath], added: Sequence[TouchedPath], limits: Limits
) -> dict[str, str]:
    """The tree id of every run, by run name. What the operator changed is in the runs without the trace's tests.

    Afterwards only `trusted` commands can read the repository, others these trees.
    """
    lines = {run.name: _lines(run, touched, added) for run in RUNS}
    await environment.write_files(lines)
    done = await trusted(environment, ["sh", "-c", _VARIANT, "variants", base, *lines], limits, RAW_BYTES)
    if done.exit_code != 0:
        raise NoVerdict(unverifiable("bad_workspace", tail(done.output)))
    return dict(zip(lines, done.output.decode().split(), strict=True))


def _lines(run: Run, touched: Sequence[TouchedPath], added: Sequence[TouchedPath]) -> bytes:
    parts = [part for part, taken in ((SOURCE, run.source), (TEST, run.tests)) if taken]
    operators = b"" if run.tests else index_lines(added, (SOURCE, TEST, CONFIGURATION))
    return index_lines(touched, parts) + operators


async def unpack(environment: Environment, tree: str, limits: Limits) -> None:
    """Put a tree into WORK, alone. Raises NoVerdict where no room or no process is left for it."""
    command = ["sh", "-c", _UNPACK, "unpack", tree]
    done = await environment.run(command, deadline_s=limits.prepare_timeout_s, output_bytes=limits.output_bytes)
    if done.exit_code != 0:
        reason = "path_too_long" if b"File name too long" in done.output else "sandbox_exhausted"
        raise NoVerdict(unverifiable(reason, tail(done.output)))


async def trusted(environment: Environment, command: Sequence[str], limits: Limits, output_bytes: int) -> ExecResult:
    """Run what is not under test, as the user that owns the repository."""
    return await environment.run(command, trusted=True, deadline_s=limits.prepare_timeout_s, output_bytes=output_bytes)


def trusted_script(commands: str) -> str:
    """A shell script in the repository's folder, for which nothing of a git configuration counts."""
    return f"{_GIT}{commands}"


def _refuse_unprepared(done: ExecResult, commit: str) -> None:
    reasons = {_NO_COMMIT: "no_start_commit", _NO_APPLY: "patch_does_not_apply"}
    if done.exit_code == _NO_COMMIT:
        raise NoVerdict(unverifiable("no_start_commit", f"{commit or 'no tree'} is not in the workspace"))
    if done.exit_code != 0 or done.truncated:
        raise NoVerdict(unverifiable(reasons.get(done.exit_code or 0, "bad_workspace"), tail(done.output)))
