"""The sandbox's image is what its recipe says, built once and replaced when the recipe changes."""

from __future__ import annotations

import dataclasses
from contextlib import closing

import docker
import pytest

from deploy.embedded.sandbox_image import RECIPE_LABEL, ImageUnavailable, ensure_image
from deploy.embedded.sandbox_recipes import NODE, PYTHON

pytestmark = pytest.mark.integration


def test_the_image_runs_pytest_and_git_and_has_no_privileged_program(docker_host: str) -> None:
    program = (
        "python3 -m pytest --version && git --version && id -un; find / -xdev -perm /6000 -type f 2>/dev/null; true"
    )
    with closing(docker.DockerClient(docker_host)) as client:
        said = client.containers.run(
            PYTHON.image, ["sh", "-c", program], remove=True, network_mode="none", user="65534:65534"
        )
    pytest_version, git_version, user = said.decode().splitlines()
    assert pytest_version == f"pytest {dict(wheel.split('==') for wheel in PYTHON.wheels)['pytest']}"
    assert git_version.startswith("git version 2.")
    assert user == "nobody"


def test_an_image_of_the_same_recipe_is_left_alone(docker_host: str) -> None:
    with closing(docker.DockerClient(docker_host)) as client:
        before = client.images.get(PYTHON.image)
        assert before.labels[RECIPE_LABEL] == PYTHON.digest
        assert ensure_image(docker_host) == PYTHON.image
        assert client.images.get(PYTHON.image).id == before.id


def test_another_recipe_is_another_image_and_needs_debian_s_tools(
    docker_host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(ImageUnavailable, match="apt-get"):
        ensure_image(docker_host, dataclasses.replace(PYTHON, packages=("no-such-package",)))


@pytest.mark.slow
def test_node_s_image_runs_its_tests_and_has_what_preparing_a_tree_takes(docker_host: str) -> None:
    program = "node --version && git --version && tar --version | head -1 && timeout 5 id -un"
    image = ensure_image(docker_host, NODE)
    with closing(docker.DockerClient(docker_host)) as client:
        said = client.containers.run(image, ["sh", "-c", program], remove=True, network_mode="none", user="65534:65534")
    node, git, tar, user = said.decode().splitlines()
    assert (node[:4], git[:14], tar[:9], user) == ("v18.", "git version 2.", "tar (GNU ", "nobody")
