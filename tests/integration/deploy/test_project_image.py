"""The project's image is built for real, from a base that no registry knows, without a network."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import docker
import pytest
from docker.models.containers import Container

from deploy.embedded.sandbox_recipes import PYTHON

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.timeout(900)]
ROOT = Path(__file__).parents[3]
TAG = "pr-telemetry:test"
IMPORTS = """
import ctypes, os, sqlite3, ssl
from importlib.util import find_spec
import ingest_gateway.__main__, judge.__main__, sandbox.__main__, sinks.__main__
import pipeline.cli.topics, sinks.migrate, streams.agents
assert os.getuid() == 10001
unwanted = [name for name in ("pip", "mypy", "hypothesis", "ruff", "chdb") if find_spec(name)]
assert not unwanted, unwanted
"""
PROBE = "import urllib.request as r; r.urlopen('http://127.0.0.1:8080/healthz', timeout=3)"


@pytest.fixture(scope="module")
def engine(docker_host: str) -> Iterator[docker.DockerClient]:
    build = [str(ROOT / "deploy/docker/build.sh"), PYTHON.image, TAG]
    environment = {**os.environ, "DOCKER_HOST": docker_host, "PYTHON": sys.executable}
    done = subprocess.run(build, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stdout + done.stderr
    with closing(docker.DockerClient(base_url=docker_host)) as client:
        yield client
        client.images.remove(TAG, force=True)


def _run(engine: docker.DockerClient, **options: Any) -> Container:
    container = engine.containers.run(
        TAG, detach=True, network_mode="none", read_only=True, cap_drop=["ALL"], tmpfs={"/tmp": ""}, **options
    )
    assert isinstance(container, Container)
    return container


def test_every_service_can_be_imported_and_nothing_of_development_is_there(engine: docker.DockerClient) -> None:
    container = _run(engine, entrypoint=["python3", "-c", IMPORTS])
    try:
        assert container.wait(timeout=60)["StatusCode"] == 0, container.logs().decode()
    finally:
        container.remove(force=True)


def test_a_service_without_its_broker_says_so_and_exits(engine: docker.DockerClient) -> None:
    container = _run(engine, command=["judge"])
    try:
        assert container.wait(timeout=60)["StatusCode"] == 1
        assert "Is it running where KAFKA_BOOTSTRAP says" in container.logs().decode().splitlines()[-1]
    finally:
        container.remove(force=True)


def test_the_gateway_serves_and_stops_when_asked(engine: docker.DockerClient) -> None:
    objects = {"OBJECT_STORE_DIR": "/tmp/objects"}
    container = _run(engine, environment={"MODE": "development", **objects})
    try:
        for _ in range(30):
            if container.exec_run(["python3", "-c", PROBE]).exit_code == 0:
                break
        else:
            pytest.fail(container.logs().decode())
        container.stop(timeout=20)
        assert container.wait(timeout=5)["StatusCode"] == 0
    finally:
        container.remove(force=True)
