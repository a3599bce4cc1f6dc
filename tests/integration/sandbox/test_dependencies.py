"""What tests import comes from an image made of wheels alone; where it is missing, that is what the verdict says."""

from __future__ import annotations

import io
import secrets
import sys
import zipfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import docker
import pytest

from sandbox.checkout import MIRROR
from sandbox.container import Containers
from sandbox.dependencies import Builder, build_by_process
from sandbox.images import LOCK_LABEL, build
from sandbox.job import Job
from sandbox.locks import REPOSITORY
from sandbox.patching import patches_of
from sandbox.spec import Limits
from sandbox.suites import Evidence
from sandbox.validation import validate
from sandbox.workspace import pack_objects
from tests.integration.sandbox.conftest import IMAGE
from tests.support.processes import start
from tests.support.sandbox import CALC, FIXED, Repository, edits, make_repository

pytestmark = pytest.mark.integration
TESTS = "from calc import add\nfrom tinydep import three\n\n\ndef test_add():\n    assert add(1, 2) == three()\n"


def wheel(name: str, version: str, files: dict[str, str]) -> bytes:
    """A wheel with these files."""
    info, packed = f"{name}-{version}.dist-info", io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for path, content in files.items():
            archive.writestr(path, content)
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    return packed.getvalue()


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheels")
    hostile = {"tinydep/__init__.py": "def three():\n    return 3\n", "pytest.py": "raise SystemExit(0)\n"}
    (folder / "tinydep-1.0-py3-none-any.whl").write_bytes(wheel("tinydep", "1.0", hostile))
    return folder


@pytest.fixture
def engine(docker_host: str) -> Iterator[docker.DockerClient]:
    with closing(docker.DockerClient(docker_host)) as client:
        before = {str(image.id) for image in client.images.list(filters={"label": LOCK_LABEL})}
        yield client
        for image in client.images.list(filters={"label": LOCK_LABEL}):
            if image.id not in before:
                client.images.remove(str(image.id), force=True)


class Lab:
    """Validates the right fix of a repository whose tests import `tinydep`."""

    def __init__(self, containers: Containers, limits: Limits, folder: Path) -> None:
        self.containers, self.limits, self.folder = containers, limits, folder
        self.evidence = Evidence()

    def repository(self, lock: str | None) -> Repository:
        files = {"calc.py": CALC, "tests/test_calc.py": TESTS}
        return make_repository(self.folder / "calc", files if lock is None else files | {"requirements.txt": lock})

    async def verdict(self, repository: Repository, build: Builder | None = None) -> tuple[str, str]:
        workspace = {MIRROR: pack_objects(repository.objects, 10**8)}
        patches = patches_of(edits({"calc.py": CALC}, {"calc.py": FIXED}))
        job = Job(workspace=workspace, commit=repository.commit, patches=patches)
        outcome, self.evidence = await validate(self.containers, job, self.limits, lambda: secrets.token_hex(16), build)
        return "/".join(filter(None, (outcome.verdict, outcome.level, outcome.reason))), outcome.detail


@pytest.fixture
def lab(containers: Containers, limits: Limits, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wheels: Path) -> Lab:
    monkeypatch.setenv("SANDBOX_WHEELS_DIR", str(wheels))
    return Lab(containers, limits, tmp_path)


async def test_without_what_the_tests_import_nothing_is_said_of_the_fix(lab: Lab) -> None:
    verdict, detail = await lab.verdict(lab.repository(None))
    assert verdict == "unverifiable/missing_dependency"
    assert "tinydep (there is no lock file)" in detail


async def test_an_image_built_before_has_what_the_lock_file_names(
    lab: Lab, docker_host: str, engine: docker.DockerClient, tmp_path: Path
) -> None:
    repository = lab.repository("tinydep==1.0\n")
    verdict, detail = await lab.verdict(repository)
    assert verdict == "unverifiable/missing_dependency"
    assert "tinydep (no image has what requirements.txt names)" in detail
    command = [sys.executable, "-m", "sandbox.images", "build", "--lock", str(repository.folder / "requirements.txt")]
    builder = start(command, tmp_path / "log", {"DOCKER_HOST": docker_host})
    assert builder.wait() == 0, builder.log_tail()
    assert await lab.verdict(repository) == (
        "fixed/verified",
        "fail without the change and pass with it: tests/test_calc.py::test_add",
    )
    facts = lab.evidence.environment
    assert facts["image"] == builder.log_tail().strip()
    assert (facts["dependencies"], facts["network"]) == ("those of requirements.txt", "none")


@pytest.mark.slow  # two validations and a build
async def test_an_image_is_built_when_it_is_needed(
    lab: Lab, docker_host: str, engine: docker.DockerClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", docker_host)
    repository = lab.repository("tinydep>=1  # built when needed\n")
    assert (await lab.verdict(repository, build_by_process))[0] == "fixed/verified"
    assert (await lab.verdict(repository))[0] == "fixed/verified"


async def test_only_the_newest_images_are_kept_and_those_in_use(
    engine: docker.DockerClient, tmp_path: Path, wheels: Path
) -> None:
    def made(text: str) -> str:
        (tmp_path / "requirements.txt").write_text(text)
        return build(engine, IMAGE, tmp_path / "requirements.txt", wheels, kept=2)

    first = made("tinydep==1.0  # the first\n")
    used = engine.containers.create(first, ["true"])
    second, third, fourth = (made(f"tinydep==1.0  # the {number}th\n") for number in (2, 3, 4))
    kept = {tag for image in engine.images.list(filters={"label": LOCK_LABEL}) for tag in image.tags}
    assert {first, third, fourth} <= kept
    assert second not in kept
    used.remove()
    fifth = made("tinydep==1.0  # the last\n")
    assert {tag for image in engine.images.list(REPOSITORY) for tag in image.tags} == {fourth, fifth}


@pytest.mark.parametrize(
    ("lock", "said"),
    [("-e .\n", "only names, versions, markers and hashes"), ("tinydep==9.9\n", "tinydep==9.9")],
    ids=["not a name", "not to be had"],
)
async def test_what_cannot_be_built_is_told(
    lab: Lab, docker_host: str, monkeypatch: pytest.MonkeyPatch, lock: str, said: str
) -> None:
    monkeypatch.setenv("DOCKER_HOST", docker_host)
    verdict, detail = await lab.verdict(lab.repository(lock), build_by_process)
    assert verdict == "unverifiable/missing_dependency"
    assert said in detail
