"""Tests that the operator adds to the start commit: from then on they count as its own."""

from __future__ import annotations

from sandbox.checkout import RAW_BYTES, trusted_script
from sandbox.environment import Environment
from sandbox.failures import NoVerdict, tail, unverifiable
from sandbox.patching import TouchedPath, touched_paths
from sandbox.spec import Limits

_APPLY = trusted_script("""
set -e
export GIT_INDEX_FILE=task.index
git read-tree "$1"
git apply --cached --whitespace=nowarn in/task.patch
tree=$(git write-tree)
rm task.index in/task.patch
exec git diff-tree -r -z --raw --no-renames --no-abbrev "$1" "$tree"
""")


async def task_tests(environment: Environment, base: str, patch: bytes, limits: Limits) -> tuple[TouchedPath, ...]:
    """What the operator's diff changes in the tree `base`. Raises NoVerdict where it does not apply."""
    if not patch:
        return ()
    await environment.write_files({"task.patch": patch})
    command = ["sh", "-c", _APPLY, "apply", base]
    done = await environment.run(command, trusted=True, deadline_s=limits.prepare_timeout_s, output_bytes=RAW_BYTES)
    if done.exit_code != 0 or done.truncated:
        raise NoVerdict(unverifiable("bad_task", tail(done.output)))
    return touched_paths(done.output)
