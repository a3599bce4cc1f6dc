"""What the sandbox's images are made of: values only, one recipe an image."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

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

_ONLY_PYTHON = frozenset({"libbz2-1.0", "libdb5.3", "libffi8", "libnsl2", "libreadline8", "libsqlite3-0", "libtirpc3"})
_NODE_PACKAGES = (
    *(name for name in PACKAGES if "python" not in name and name not in _ONLY_PYTHON),
    "libbrotli1",
    "libc-ares2",
    "libicu72",
    "libnghttp2-14",
    "libnode108",
    "libuv1",
    "node-acorn",
    "node-busboy",
    "node-cjs-module-lexer",
    "node-undici",
    "node-xtend",
    "nodejs=libnode108",  # of the same version, whatever nodejs the machine has from elsewhere
)
_USERS = (("root", 0), ("workspace", 65533), ("nobody", 65534))


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """An image's name, the program that it starts, and what decides its content but Debian's patch level.

    `packages` are names, or `name=other` for the version that the package `other` has.
    """

    repository: str
    tag: str
    command: str
    packages: tuple[str, ...]
    wheels: tuple[str, ...] = ()
    users: tuple[tuple[str, int], ...] = _USERS
    environment: tuple[tuple[str, str], ...]

    @property
    def image(self) -> str:
        """The image's name."""
        return f"{self.repository}:{self.tag}"

    @property
    def name(self) -> str:
        """The name of its files in the cache."""
        return self.repository.rpartition("/")[2]

    @property
    def digest(self) -> str:
        """SHA-256 of the content, as hexadecimal."""
        content = {key: getattr(self, key) for key in ("packages", "wheels", "users", "environment")}
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


PYTHON = Recipe(
    repository="pr-telemetry/sandbox-python",
    tag="3.11",
    command="python3",
    packages=PACKAGES,
    wheels=("pytest==9.2.0",),
    environment=(
        ("PATH", "/usr/local/bin:/usr/bin:/bin"),
        ("LANG", "C.UTF-8"),
        ("HOME", "/tmp"),
        ("PYTHONDONTWRITEBYTECODE", "1"),
    ),
)
NODE = Recipe(
    repository="pr-telemetry/sandbox-node",
    tag="18",
    command="node",
    packages=_NODE_PACKAGES,
    environment=(("PATH", "/usr/local/bin:/usr/bin:/bin"), ("LANG", "C.UTF-8"), ("HOME", "/tmp")),
)
RECIPES = {"python": PYTHON, "node": NODE}
