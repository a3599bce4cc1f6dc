"""Builds the sandbox's images from Debian packages and wheels, because no registry needs to be reachable for them.

An image is described by its recipe; the recipe's digest is a label of the image, so that an image of the same recipe is
left alone and one of another recipe is replaced. The finished file system is kept as a tar file in the cache folder: a
fresh engine imports it in seconds, without a package server.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import IO

import docker

from deploy.embedded.docker_engine import DEFAULT_SOCKET
from deploy.embedded.jars import cache_root, say_on_stderr
from deploy.embedded.sandbox_recipes import PYTHON, RECIPES, Recipe

RECIPE_LABEL = "pr-telemetry.recipe"
STEP_DEADLINE_S = 300


class ImageUnavailable(Exception):
    """The image is not there and cannot be built; the text says why, in one line."""


def ensure_image(docker_host: str, recipe: Recipe = PYTHON) -> str:
    """Makes the recipe's image present in that engine and returns its name. Raises ImageUnavailable."""
    with closing(docker.DockerClient(base_url=docker_host, timeout=STEP_DEADLINE_S)) as client:
        if _present(client, recipe):
            return recipe.image
        archive = _archive(cache_root(os.environ) / "images", recipe)
        say_on_stderr(f"importing {recipe.image} into the Docker engine ...")
        client.api.import_image(
            src=str(archive), repository=recipe.repository, tag=recipe.tag, changes=_changes(recipe)
        )
        if not _present(client, recipe):
            raise ImageUnavailable(f"the engine took {archive} but does not show {recipe.image}")
    return recipe.image


def _present(client: docker.DockerClient, recipe: Recipe) -> bool:
    try:
        return client.images.get(recipe.image).labels.get(RECIPE_LABEL) == recipe.digest
    except docker.errors.ImageNotFound:
        return False


def _changes(recipe: Recipe) -> list[str]:
    environment = [f"ENV {name}={value}" for name, value in recipe.environment]
    return [*environment, f"LABEL {RECIPE_LABEL}={recipe.digest}", f'CMD ["{recipe.command}"]']


def _archive(folder: Path, recipe: Recipe) -> Path:
    """The image's file system as a tar file: complete or absent, also when two processes build at once."""
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"{recipe.name}-{recipe.digest[:16]}.tar"
    with _locked(folder / f"{recipe.name}.lock"):
        if not target.exists():
            _build(target, recipe)
            for outdated in set(folder.glob(f"{recipe.name}-*.tar")) - {target}:
                outdated.unlink()
    return target


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _build(target: Path, recipe: Recipe) -> None:
    missing = [tool for tool in ("apt-get", "dpkg-deb", "tar") if shutil.which(tool) is None]
    if missing:
        raise ImageUnavailable(f"the sandbox image is built from Debian packages and {', '.join(missing)} is not here")
    say_on_stderr(f"building {recipe.image} from {len(recipe.packages)} Debian packages (once, about 20 s) ...")
    with tempfile.TemporaryDirectory(prefix=".building-", dir=target.parent) as scratch:
        root, packages, partial = (Path(scratch, name) for name in ("root", "packages", "image.tar"))
        packages.mkdir()
        _skeleton(root)
        _download(packages, recipe)
        for package in sorted(packages.glob("*.deb")):
            _unpack(package, root)
        _link_shell(root)
        if recipe.wheels:
            _install_wheels(root, recipe)
        _trim(root)
        _accounts(root, recipe)
        if recipe.wheels:
            _compile(root)
        partial = target.with_suffix(f".{os.getpid()}")
        _run(
            "tar", "--sort=name", "--owner=0", "--group=0", "--numeric-owner", "-cf", str(partial), "-C", str(root), "."
        )
        partial.rename(target)


def _skeleton(root: Path) -> None:
    for folder in ("usr/bin", "usr/sbin", "usr/lib", "usr/lib64", "etc", "tmp", "workspace", "proc", "sys", "dev"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    root.chmod(0o755)
    for folder in ("bin", "sbin", "lib", "lib64"):
        (root / folder).symlink_to(f"usr/{folder}")


def _download(folder: Path, recipe: Recipe) -> None:
    # with the _apt user apt would complain that it cannot write into a private folder
    download = ("apt-get", "-qq", "-o", "APT::Sandbox::User=root", "download")
    try:
        _run(*download, *map(_versioned, recipe.packages), cwd=folder)
    except ImageUnavailable:
        if os.geteuid() != 0:
            raise
        _run("apt-get", "-qq", "update")  # a fresh machine has no package lists yet, an old one has outdated ones
        _run(*download, *map(_versioned, recipe.packages), cwd=folder)


def _versioned(package: str) -> str:
    """`name=other` with the version that apt would take of the package `other`."""
    name, _, other = package.partition("=")
    if not other:
        return name
    policy = subprocess.run(
        ["apt-cache", "policy", other], capture_output=True, text=True, timeout=STEP_DEADLINE_S, check=False
    )
    if (found := re.search(r"Candidate: (\S+)", policy.stdout)) is None or found[1] == "(none)":
        raise ImageUnavailable(f"apt knows no package {other}")
    return f"{name}={found[1]}"


def _unpack(package: Path, root: Path) -> None:
    archive = package.with_suffix(".tar")
    with archive.open("wb") as output:
        subprocess.run(["dpkg-deb", "--fsys-tarfile", str(package)], check=True, stdout=output, timeout=STEP_DEADLINE_S)
    # --keep-directory-symlink: packages still ship /bin and /lib, which are links into /usr
    _run("tar", "--keep-directory-symlink", "--no-same-owner", "-xf", str(archive), "-C", str(root))
    archive.unlink()


def _install_wheels(root: Path, recipe: Recipe) -> None:
    target = root / "usr/local/lib/python3.11/dist-packages"
    pip = (sys.executable, "-m", "pip", "install", "-q", "--disable-pip-version-check", "--no-compile")
    only_wheels = ("--only-binary=:all:", "--python-version=3.11", "--target", str(target))
    _run(*pip, *only_wheels, *recipe.wheels)
    (root / "usr/bin/python3").symlink_to("python3.11")
    (root / "usr/bin/python").symlink_to("python3.11")


def _link_shell(root: Path) -> None:
    (root / "usr/bin/sh").unlink(missing_ok=True)
    (root / "usr/bin/sh").symlink_to("dash")


def _trim(root: Path) -> None:
    for folder in ("usr/share/doc", "usr/share/man", "usr/share/locale", "usr/share/info", "usr/share/lintian", "var"):
        shutil.rmtree(root / folder, ignore_errors=True)
    for privileged in (path for path in root.rglob("*") if path.is_file() and not path.is_symlink()):
        privileged.chmod(privileged.stat().st_mode & 0o777)  # no set-user-id programs


def _accounts(root: Path, recipe: Recipe) -> None:
    lines = [f"{name}:x:{number}:{number}:{name}:/tmp:/bin/sh\n" for name, number in recipe.users]
    (root / "etc/passwd").write_text("".join(lines))
    (root / "etc/group").write_text("".join(f"{name}:x:{number}:\n" for name, number in recipe.users))
    (root / "etc/nsswitch.conf").write_text("passwd: files\ngroup: files\nhosts: files\n")
    (root / "tmp").chmod(0o1777)


def _compile(root: Path) -> None:
    """Bytecode by the image's own interpreter: without it each start on a read-only root compiles anew."""
    loader = next((root / "usr").glob("lib*/ld-linux*.so*"), None) or next((root / "usr/lib").glob("*/ld-linux*.so*"))
    libraries = ":".join(str(path) for path in (root / "usr/lib").glob("*-linux-gnu*"))
    interpreter = (str(loader), "--library-path", libraries, str(root / "usr/bin/python3.11"))
    folders = (str(root / "usr/lib/python3.11"), str(root / "usr/local/lib/python3.11"))
    strip = ("-s", str(root), "-p", "/", "--invalidation-mode", "unchecked-hash", "-x", "lib2to3/tests|/test/bad")
    environment = {**os.environ, "PYTHONHOME": str(root / "usr"), "PYTHONPATH": ""}
    _run(*interpreter, "-m", "compileall", "-q", "-j2", *strip, *folders, environment=environment)


def _run(
    *command: str,
    cwd: Path | None = None,
    environment: dict[str, str] | None = None,
    stdout: IO[bytes] | int = subprocess.PIPE,
) -> None:
    name = " ".join(Path(part).name for part in command[:2])
    try:
        done = subprocess.run(
            command, stdout=stdout, stderr=subprocess.PIPE, timeout=STEP_DEADLINE_S, cwd=cwd, env=environment
        )
    except subprocess.TimeoutExpired as late:
        raise ImageUnavailable(f"`{name}` did not end within {STEP_DEADLINE_S} s") from late
    if done.returncode != 0:
        last_line = (done.stderr or done.stdout or b"no output").decode(errors="replace").strip().splitlines()[-1]
        raise ImageUnavailable(f"`{name}` failed with status {done.returncode}: {last_line}")


def main() -> int:
    """0 the image is there, 1 it cannot be built (one line on stderr says why)."""
    parser = argparse.ArgumentParser(prog="python -m deploy.embedded.sandbox_image", description=__doc__)
    parser.add_argument("command", choices=("ensure",))
    parser.add_argument("image", nargs="?", choices=tuple(RECIPES), default="python")
    parser.add_argument("--docker-host", default=os.environ.get("DOCKER_HOST") or f"unix://{DEFAULT_SOCKET}")
    arguments = parser.parse_args()
    try:
        say_on_stderr(f"{ensure_image(arguments.docker_host, RECIPES[arguments.image])} is present")
    except ImageUnavailable as problem:
        say_on_stderr(f"no sandbox image: {problem}")
        return 1
    except (docker.errors.DockerException, OSError) as problem:
        say_on_stderr(f"no sandbox image: the Docker engine at {arguments.docker_host} failed: {problem}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
