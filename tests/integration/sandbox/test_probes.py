"""Code under test that tries to get out: every way is closed, by every runtime, and what is left is written down."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from sandbox.container import ContainerEnvironment
from tests.integration.sandbox.conftest import RUNTIMES
from tests.integration.sandbox.probes import inside

pytestmark = pytest.mark.integration
PROGRAM = Path(inside.__file__).read_text()
# gVisor's kernel belongs to this container alone: what changes or reads only that kernel gets nobody out.
OF_ITS_OWN_KERNEL = {
    "make a user namespace",
    "read the kernel's log",
    "spare itself from the killer",
    "take precedence",
}


@pytest.fixture(params=RUNTIMES)
def runtime(request: pytest.FixtureRequest) -> str:
    return str(request.param)


async def results(environment: ContainerEnvironment) -> Mapping[str, str | None]:
    done = await environment.run(["python3", "-c", PROGRAM], deadline_s=30, output_bytes=64 * 1024)
    assert done.exit_code == 0, done.output
    told: dict[str, str | None] = json.loads(done.output)
    return told


async def test_no_probe_gets_through(environment: ContainerEnvironment, runtime: str) -> None:
    found = await results(environment)
    assert found.keys() == inside.PROBES.keys()
    through = {name for name, refusal in found.items() if refusal is None}
    assert through <= (set() if runtime == "runc" else OF_ITS_OWN_KERNEL)
    assert (await environment.run(["echo", "alive"], deadline_s=5, output_bytes=100)).output == b"alive\n"


def test_the_probes_get_through_where_nothing_holds_them() -> None:
    """On the machine itself most of them work: a suite that refuses everything everywhere would show nothing."""
    harmless = {
        "see processes of others",
        "read the first process's environment",
        "have a capability",
        "make a user namespace",
        "open a raw socket",
        "read the kernel's log",
        "compare itself with the first process",
        "gain privileges by a program",
        "learn the machine's name",
        "handle page faults itself",
    }
    program = (
        f"{PROGRAM.split('if __name__')[0]}\nprint(*(n for n in {sorted(harmless)} if not outcome(PROBES[n])), sep=';')"
    )
    done = subprocess.run(["python3", "-c", program], capture_output=True, text=True, timeout=30, check=True)
    assert len(done.stdout.split(";")) > len(harmless) // 2, done.stdout
