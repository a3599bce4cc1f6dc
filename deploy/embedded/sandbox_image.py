"""Builds the sandbox's Python image from Debian packages and wheels, because no registry needs to be reachable for it.

The image is described by one recipe; its digest is a label of the image, so that an image of the same recipe is left
alone and one of another recipe is replaced. The finished file system is kept as a tar file in the cache folder: a fresh
engine imports it in seconds, without a package server.
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

import docker

from deploy.embedded.docker_engine import DEFAULT_SOCKET
from deploy.embedded.jars import cache_root, say_on_stderr

REPOSITORY, TAG = "pr-telemetry/sandbox-python", "3.11"
IMAGE = f"{REPOSITORY}:{TAG}"
RECIPE_LABEL = "pr-telemetry.recipe"
STEP_DEADLINE_S = 300
PACKAGES = (
    "base-files",
    "bash",
    "coreutils",
    "dash",
    "findutils",
    "git",
    "grep",
    "libc-bin",
    "media-types",
    "netbase",
    "sed",
    "tar",
    "tzdata",
    "libpython3.11-minimal",
    "libpython3.11-stdlib",
    "python3.11-minimal",
    "libacl1",
    "libattr1",
    "libbz2-1.0",
    "libc6",
    "libcom-err2",
    "libcrypt1",
    "libdb5.3",
    "libexpat1",
    "libffi8",
    "libgcc-s1",
    "libgmp10",
    "libgssapi-krb5-2",
    "libk5crypto3",
    "libkeyutils1",
    "libkrb5-3",
    "libkrb5support0",
    "liblzma5",
    "libncursesw6",
    "libnsl2",
    "libpcre2-8-0",
    "libreadline8",
    "libselinux1",
    "libsqlite3-0",
    "libssl3",
    "libstdc++6",
    "libtinfo6",
    "libtirpc3",
    "libuuid1",
    "zlib1g",
)


class ImageUnavailable(Exception):
    """The image is not there and cannot be built; the text says why, in one line."""


@dataclass(frozen=True)
class Recipe:
    """Everything that decides the image's content but the patch level of Debian's packages."""

    packages: tuple[str, ...]
    wheels: tuple[str, ...]
    users: tuple[tuple[str, int], ...]
    environment: tuple[tuple[str, str], ...]

    @property
    def digest(self) -> str:
        """SHA-256 of the recipe, as hexadecimal."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()


RECIPE = Recipe(
    packages=PACKAGES,
    wheels=("pytest==9.2.0",),
    users=(("root", 0), ("workspace", 65533), ("nobody", 65534)),
    environment=(
        ("PATH", "/usr/local/bin:/usr/bin:/bin"),
        ("LANG", "C.UTF-8"),
        ("HOME", "/tmp"),
        ("PYTHONDONTWRITEBYTECODE", "1"),
    ),
)


def ensure_image(docker_host: str) -> str:
    """Makes IMAGE of the current recipe present in that engine and returns its name. Raises ImageUnavailable."""
    with closing(docker.DockerClient(base_url=docker_host, timeout=STEP_DEADLINE_S)) as client:
        if _present(client):
            return IMAGE
        archive = _archive(cache_root(os.environ) / "images")
        say_on_stderr(f"importing {IMAGE} into the Docker engine ...")
        client.api.import_image(src=str(archive), repository=REPOSITORY, tag=TAG, changes=_changes())
        if not _present(client):
            raise ImageUnavailable(f"the engine took {archive} but does not show {IMAGE}")
    return IMAGE


def _present(client: docker.DockerClient) -> bool:
    try:
        return client.images.get(IMAGE).labels.get(RECIPE_LABEL) == RECIPE.digest
    except docker.errors.ImageNotFound:
        return False


def _changes() -> list[str]:
    environment = [f"ENV {name}={value}" for name, value in RECIPE.environment]
    return [*environment, f"LABEL {RECIPE_LABEL}={RECIPE.digest}", 'CMD ["python3"]']


def _archive(folder: Path) -> Path:
    """The image's file system as a tar file: complete or absent, also when two processes build at once."""
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"sandbox-python-{RECIPE.digest[:16]}.tar"
    with _locked(folder / "sandbox-python.lock"):
        if not target.exists():
            _build(target)
            for outdated in set(folder.glob("sandbox-python-*.tar")) - {target}:
                outdated.unlink()
    return target


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _build(target: Path) -> None:
    missing = [tool for tool in ("apt-get", "dpkg-deb", "tar") if shutil.which(tool) is None]
    if missing:
        raise ImageUnavailable(f"the sandbox image is built from Debian packages and {', '.join(missing)} is not here")
    say_on_stderr(f"building {IMAGE} from {len(RECIPE.packages)} Debian packages and pytest (once, about 20 s) ...")
    with tempfile.TemporaryDirectory(prefix=".building-", dir=target.parent) as scratch:
        root, packages, partial = (Path(scratch, name) for name in ("root", "packages", "image.tar"))
        packages.mkdir()
        _skeleton(root)
        _download(packages)
        for package in sorted(packages.glob("*.deb")):
            _unpack(package, root)
        _install_wheels(root)
        _trim(root)
        _accounts(root)
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


def _download(folder: Path) -> None:
    # with the _apt user apt would complain that it cannot write into a private folder
    download = ("apt-get", "-qq", "-o", "APT::Sandbox::User=root", "download", *RECIPE.packages)
    try:
        _run(*download, cwd=folder)
    except ImageUnavailable:
        if os.geteuid() != 0:
            raise
        _run("apt-get", "-qq", "update")  # a fresh machine has no package lists yet, an old one has outdated ones
        _run(*download, cwd=folder)


def _unpack(package: Path, root: Path) -> None:
    archive = package.with_suffix(".tar")
    with archive.open("wb") as output:
        subprocess.run(["dpkg-deb", "--fsys-tarfile", str(package)], check=True, stdout=output, timeout=STEP_DEADLINE_S)
    # --keep-directory-symlink: packages still ship /bin and /lib, which are links into /usr
    _run("tar", "--keep-directory-symlink", "--no-same-owner", "-xf", str(archive), "-C", str(root))
    archive.unlink()


def _install_wheels(root: Path) -> None:
    target = root / "usr/local/lib/python3.11/dist-packages"
    pip = (sys.executable, "-m", "pip", "install", "-q", "--disable-pip-version-check", "--no-compile")
    only_wheels = ("--only-binary=:all:", "--python-version=3.11", "--target", str(target))
    _run(*pip, *only_wheels, *RECIPE.wheels)
    (root / "usr/bin/python3").symlink_to("python3.11")
    (root / "usr/bin/python").symlink_to("python3.11")
    (root / "usr/bin/sh").unlink(missing_ok=True)
    (root / "usr/bin/sh").symlink_to("dash")


def _trim(root: Path) -> None:
    for folder in ("usr/share/doc", "usr/share/man", "usr/share/locale", "usr/share/info", "usr/share/lintian", "var"):
        shutil.rmtree(root / folder, ignore_errors=True)
    for privileged in (path for path in root.rglob("*") if path.is_file() and not path.is_symlink()):
        privileged.chmod(privileged.stat().st_mode & 0o777)  # no set-user-id programs


def _accounts(root: Path) -> None:
    lines = [f"{name}:x:{number}:{number}:{name}:/tmp:/bin/sh\n" for name, number in RECIPE.users]
    (root / "etc/passwd").write_text("".join(lines))
    (root / "etc/group").write_text("".join(f"{name}:x:{number}:\n" for name, number in RECIPE.users))
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
    parser.add_argument("--docker-host", default=os.environ.get("DOCKER_HOST") or f"unix://{DEFAULT_SOCKET}")
    arguments = parser.parse_args()
    try:
        say_on_stderr(f"{ensure_image(arguments.docker_host)} is present")
    except ImageUnavailable as problem:
        say_on_stderr(f"no sandbox image: {problem}")
        return 1
    except (docker.errors.DockerException, OSError) as problem:
        say_on_stderr(f"no sandbox image: the Docker engine at {arguments.docker_host} failed: {problem}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
