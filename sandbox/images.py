"""Builds the image that has a lock file's dependencies on top of the sandbox's own: `python -m sandbox.images build`.

A process of its own, because it needs a network, which the sandbox never has. Only wheels are installed, into a folder:
nothing of a package runs here, neither a build nor a script. The folder is one layer of the image, behind everything
that the base image has on its path, so that no dependency stands in for the test runner.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tarfile
import tempfile
from contextlib import closing, suppress
from pathlib import Path

import docker

from pipeline.settings import SandboxSettings, load
from sandbox.locks import REPOSITORY, RefusedLock, image_name, requirements

DEPENDENCIES = "/opt/dependencies"
LOCK_LABEL, BASE_LABEL = "pr-telemetry.lock", "pr-telemetry.base"
MOST_BYTES = 1024 * 1024 * 1024
INSTALL_DEADLINE_S, ENGINE_DEADLINE_S = 480, 300
_PTH = "pr-telemetry-dependencies.pth"
# the interpreter of the base image says where it looks for packages
_ASK = "import json, site, sys; print(json.dumps(['%d.%d' % sys.version_info[:2], site.getsitepackages()[0]]))"


class BuildFailed(Exception):
    """There is no image; the text says why, in one line."""


def build(client: docker.DockerClient, base: str, lock: Path, wheels: Path | None, kept: int) -> str:
    """Makes the image of a lock file present and returns its name. `wheels` is a folder that replaces the index.

    Of all such images the newest `kept` stay, and those that containers use.

    Raises BuildFailed.
    """
    content = lock.read_bytes()
    try:
        base_id = str(client.images.get(base).id)
        name = image_name(base_id, content)
        if not client.images.list(name):
            labels = {LOCK_LABEL: name.partition(":")[2], BASE_LABEL: base_id}
            _build(client, base, name, labels, requirements(lock.name, content), wheels)
            _sweep(client, kept)
    except RefusedLock as refused:
        raise BuildFailed(str(refused)) from refused
    except (docker.errors.DockerException, OSError, ValueError) as error:
        raise BuildFailed(f"the Docker engine: {error}") from error
    return name


def _sweep(client: docker.DockerClient, kept: int) -> None:
    made = client.images.list(REPOSITORY, filters={"label": LOCK_LABEL})
    for image in sorted(made, key=lambda image: str(image.attrs["Created"]), reverse=True)[kept:]:
        for tag in image.tags:
            with suppress(docker.errors.APIError):  # in use, or gone meanwhile
                client.images.remove(tag)


def _build(
    client: docker.DockerClient,
    base: str,
    name: str,
    labels: dict[str, str],
    wanted: tuple[str, ...],
    wheels: Path | None,
) -> None:
    answer = client.containers.run(base, ["python3", "-c", _ASK], network_mode="none", remove=True)
    version, site = json.loads(answer)
    with tempfile.TemporaryDirectory(prefix="prt-dependencies-") as scratch:
        target = _installed(Path(scratch), wanted, version, wheels)
        recipe = f"FROM {base}\nCOPY dependencies {DEPENDENCIES}\nCOPY {_PTH} {site}/{_PTH}\n"
        context = _context(Path(scratch), target, recipe)
        with context.open("rb") as file:
            client.images.build(
                fileobj=file, custom_context=True, tag=name, labels=labels, network_mode="none", rm=True
            )


def _installed(scratch: Path, wanted: tuple[str, ...], version: str, wheels: Path | None) -> Path:
    """A folder with what the wheels hold. `version` is that of the interpreter that will use them."""
    listed, target = scratch / "requirements.txt", scratch / "dependencies"
    listed.write_text("\n".join(wanted) + "\n")
    target.mkdir()
    pip = (sys.executable, "-m", "pip", "install", "-q", "--no-input", "--disable-pip-version-check", "--no-compile")
    only_wheels = ("--only-binary=:all:", f"--python-version={version}", "--target", str(target))
    source = ("--no-index", "--find-links", str(wheels)) if wheels else ()
    _run(*pip, *only_wheels, *source, "-r", str(listed), cwd=scratch)
    for scripts in target.glob("bin"):
        shutil.rmtree(scripts)  # they name the interpreter of this machine
    size = sum(path.stat().st_size for path in target.rglob("*") if path.is_file())
    if size > MOST_BYTES:
        raise BuildFailed(f"the dependencies have {size} bytes of at most {MOST_BYTES}")
    return target


def _context(scratch: Path, target: Path, recipe: str) -> Path:
    """The folder and the recipe as the engine takes them, owned by root and readable by all."""
    (scratch / "Dockerfile").write_text(recipe)
    (scratch / _PTH).write_text(DEPENDENCIES + "\n")
    with tarfile.open(scratch / "context.tar", "w") as tar:
        for path in (scratch / "Dockerfile", scratch / _PTH, target):
            tar.add(path, path.name, filter=_plain)
    return scratch / "context.tar"


def _plain(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = member.mtime = 0
    member.uname = member.gname = "root"
    member.mode = 0o755 if member.isdir() else 0o644
    return member


def _run(*command: str, cwd: Path) -> None:
    try:
        done = subprocess.run(command, cwd=cwd, capture_output=True, timeout=INSTALL_DEADLINE_S, check=False)
    except subprocess.TimeoutExpired as late:
        raise BuildFailed(f"pip did not end within {INSTALL_DEADLINE_S} s") from late
    if done.returncode != 0:
        lines = done.stderr.decode(errors="replace").strip().splitlines() or ["no output"]
        raise BuildFailed(f"pip: {next((line for line in lines if 'ERROR' in line), lines[-1])[:500]}")


def main(arguments: list[str] | None = None) -> int:
    """0 and the image's name on standard output, or 1 and why there is none on standard error."""
    settings = load(SandboxSettings)
    parser = argparse.ArgumentParser(prog="python -m sandbox.images", description=__doc__)
    parser.add_argument("command", choices=("build",))
    parser.add_argument("--lock", type=Path, required=True, help="requirements*.txt or pylock.toml")
    parser.add_argument("--base", default=settings.sandbox_image, help="image that the dependencies are added to")
    given = parser.parse_args(arguments)
    try:
        host = settings.docker_host or "unix:///var/run/docker.sock"
        with closing(docker.DockerClient(host, timeout=ENGINE_DEADLINE_S)) as client:
            sys.stdout.write(
                build(client, given.base, given.lock, settings.sandbox_wheels_dir, settings.sandbox_images_kept) + "\n"
            )
    except (BuildFailed, OSError, docker.errors.DockerException) as problem:
        sys.stderr.write(f"no image: {problem}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
