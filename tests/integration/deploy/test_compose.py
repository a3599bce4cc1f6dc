"""Docker Compose itself accepts the production-like stack."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.integration
ROOT = Path(__file__).parents[3]
FILE = ROOT / "docker-compose.kafka.yml"
PLUGIN = ROOT / "deploy/docker/compose_plugin.sh"
SECRETS = dict.fromkeys(re.findall(r"\$\{(\w+):\?", FILE.read_text()), "given")


def _compose() -> list[str] | None:
    """The plugin of this machine's Docker, or the one that compose_plugin.sh has built."""
    if shutil.which("docker") and subprocess.run(["docker", "compose", "version"], capture_output=True).returncode == 0:
        return ["docker", "compose"]
    caches = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "pr-telemetry"
    built = sorted(caches.glob("compose-*/docker-compose"))
    return [str(built[-1])] if built else None


def _config(compose: list[str], environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    profiles = ["--profile", "tools", "--profile", "grafana"]
    command = [*compose, "-f", str(FILE), "--env-file", str(ROOT / "env.example"), *profiles, "config"]
    bare = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME")}
    return subprocess.run([*command, "--format", "json"], capture_output=True, text=True, env={**bare, **environment})


@pytest.fixture
def compose() -> list[str]:
    found = _compose()
    if found is None:
        pytest.skip(f"Docker has no compose plugin here: {PLUGIN.relative_to(ROOT)} builds one")
    return found


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_the_plugin_can_be_built_where_docker_has_none() -> None:
    if shutil.which("go") is None:
        pytest.skip("Go is not installed")
    built = subprocess.run([PLUGIN], capture_output=True, text=True, check=True).stdout.strip()
    assert _config([built], SECRETS).returncode == 0


def test_compose_accepts_the_file_with_the_example_environment(compose: list[str]) -> None:
    done = _config(compose, SECRETS)
    assert done.returncode == 0, done.stderr
    services: dict[str, Any] = json.loads(done.stdout)["services"]
    gateway = services["ingest_gateway"]["environment"]
    assert (gateway["MODE"], gateway["GATEWAY_SECRET"]) == ("production", "given")
    assert {"registry", "topic-ui", "grafana"} <= services.keys()
    mounted = [Path(volume["source"]) for volume in services["grafana"]["volumes"] if volume["type"] == "bind"]
    assert [path.is_dir() for path in mounted] == [True, True]


@pytest.mark.parametrize("secret", SECRETS)
def test_a_missing_secret_is_refused_by_name(compose: list[str], secret: str) -> None:
    done = _config(compose, {name: value for name, value in SECRETS.items() if name != secret})
    assert done.returncode != 0
    assert f"required variable {secret} is missing" in done.stderr
