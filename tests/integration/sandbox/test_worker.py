"""The sandbox as a process on the log: one verdict for each revision, whatever is missing and whoever is killed."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import docker
import pytest
from aiokafka import AIOKafkaConsumer

from pipeline.canonical import digest
from pipeline.ids import new_trace_id
from pipeline.kafka import make_consumer, make_producer
from pipeline.objectstore import FolderStore
from pipeline.redacted import placeholder
from pipeline.settings import KafkaSettings
from sandbox.hardening import EXPIRES
from schemas.codec import decode, encode
from schemas.records import TraceAssembled, TraceValidated
from schemas.topics import TRACE_ASSEMBLED, TRACE_VALIDATED
from tests.support.docker import require_gvisor
from tests.support.processes import Process, start
from tests.support.sandbox import CALC, FIXED, START, Repository, assembled, edits, workspace_key

pytestmark = pytest.mark.integration
PATIENCE_S = 60


class Lab:
    """Writes revisions, reads validations, starts workers."""

    def __init__(self, kafka: KafkaSettings, folder: Path) -> None:
        self.kafka, self.folder = kafka, folder
        self.objects = folder / "objects"
        self.producer = make_producer(kafka)
        self.validations: AIOKafkaConsumer = make_consumer(kafka, TRACE_VALIDATED.name)

    @contextmanager
    def worker(self, docker_host: str, repos: Path | None = None, **settings: str) -> Iterator[Process]:
        environment = {
            "KAFKA_BOOTSTRAP": self.kafka.kafka_bootstrap,
            "DOCKER_HOST": docker_host,
            "OBJECT_STORE_DIR": str(self.objects),
            "SANDBOX_MEMORY_MB": "256",
            **settings,
            "SANDBOX_REPOS_DIR": str(repos) if repos else "",
        }
        process = start([sys.executable, "-m", "sandbox"], self.folder / "sandbox.log", environment)
        try:
            yield process
        finally:
            process.stop()

    async def write(self, *revisions: TraceAssembled) -> None:
        for revision in revisions:
            await self.producer.send_and_wait(TRACE_ASSEMBLED.name, encode(revision), key=revision.trace_id.encode())

    async def results(self, *revisions: TraceAssembled) -> list[TraceValidated]:
        """What the log says of each, in the log's order."""
        wanted = {revision.trace_id for revision in revisions}
        found: list[TraceValidated] = []
        async with asyncio.timeout(PATIENCE_S):
            while wanted:
                record: Any = decode((await self.validations.getone()).value)
                if record.trace_id in wanted:
                    wanted.remove(record.trace_id)
                    found.append(record)
        return found

    async def verdicts(self, *revisions: TraceAssembled) -> list[str]:
        """What the log says of each, as `verdict/reason`."""
        found = {record.trace_id: record for record in await self.results(*revisions)}
        ordered = [found[revision.trace_id] for revision in revisions]
        assert [(v.revision, v.head, v.run_id) for v in ordered] == [(r.revision, r.head, "live") for r in revisions]
        return ["/".join(filter(None, (v.verdict, v.level, v.reason))) for v in ordered]


@pytest.fixture
async def lab(kafka: KafkaSettings, tmp_path: Path) -> AsyncIterator[Lab]:
    made = Lab(kafka, tmp_path)
    await made.producer.start()
    await made.validations.start()
    yield made
    await made.validations.stop()
    await made.producer.stop()


def revision(commit: str | None, after: dict[str, str], **fields: Any) -> TraceAssembled:
    origin = fields.pop("origin", "https://example.com/team/calc.git")
    return assembled(origin, commit, edits(START, after), trace_id=new_trace_id(time.time_ns() // 1000), **fields)


async def test_each_revision_gets_its_verdict(lab: Lab, docker_host: str, repository: Repository, repos: Path) -> None:
    bundle = repository.bundle()
    uploaded = {"repo.bundle": {"kind": "workspace", "sha256": digest(bundle)}}
    lost = {"repo.bundle": {"kind": "workspace", "sha256": digest(b"never stored")}}
    secret = FIXED + f"KEY = '{placeholder('some-rule', 'hidden', b'key')}'\n"
    commit, elsewhere = repository.commit, "https://example.com/team/other"
    cases = {
        "fixed/verified": revision(commit, {"calc.py": FIXED}),
        "not_fixed": revision(commit, {"calc.py": CALC + "# nothing\n"}, origin=elsewhere, artifacts=uploaded),
        "unverifiable/no_start_commit": revision(None, {"calc.py": FIXED}),
        "unverifiable/no_workspace": revision(commit, {"calc.py": FIXED}, origin=elsewhere, artifacts=lost),
        "unverifiable/redacted": revision(commit, {"calc.py": secret}),
    }
    await FolderStore(lab.objects).put(workspace_key(cases["not_fixed"], bundle), bundle)
    await lab.write(*cases.values())
    with lab.worker(docker_host, repos):
        assert await lab.verdicts(*cases.values()) == list(cases)


async def test_without_an_engine_every_verdict_says_so(lab: Lab, repository: Repository, repos: Path) -> None:
    revisions = [revision(repository.commit, {"calc.py": FIXED}) for _ in range(3)]
    await lab.write(*revisions)
    with lab.worker("unix:///nonexistent.sock", repos) as worker:
        assert await lab.verdicts(*revisions) == ["unverifiable/no_docker"] * 3
        assert worker.returncode is None


async def test_a_killed_worker_s_trace_is_validated_by_the_next(
    lab: Lab, docker_host: str, repository: Repository, repos: Path
) -> None:
    slow = revision(repository.commit, {"calc.py": f"import time\ntime.sleep(2)\n{FIXED}"})
    await lab.write(slow)
    with closing(docker.DockerClient(docker_host)) as engine:

        def containers() -> int:
            return len(engine.containers.list(filters={"label": EXPIRES}, ignore_removed=True))

        with lab.worker(docker_host, repos) as worker:
            worker.wait_until(lambda: containers() > 0)
            worker.kill()
        with lab.worker(docker_host, repos):
            assert await lab.verdicts(slow) == ["fixed/verified"]
        assert containers() == 0


@pytest.mark.slow
async def test_one_project_s_many_traces_do_not_hold_up_another_s_single_one(
    lab: Lab, docker_host: str, repository: Repository, repos: Path
) -> None:
    crowd = [revision(repository.commit, {"calc.py": FIXED}, project="crowd") for _ in range(6)]
    single = revision(repository.commit, {"calc.py": FIXED}, project="single")
    await lab.write(*crowd, single)
    with lab.worker(docker_host, repos, SANDBOX_PARALLEL="1"):
        order = [record.trace_id for record in await lab.results(*crowd, single)]
    assert order.index(single.trace_id) < 3


@pytest.mark.slow
async def test_a_validation_longer_than_a_session_of_the_group_is_made_once(
    lab: Lab, docker_host: str, repository: Repository, repos: Path
) -> None:
    slow = revision(repository.commit, {"calc.py": f"import time\ntime.sleep(8)\n{FIXED}"})
    with lab.worker(docker_host, repos, SANDBOX_PARALLEL="1"):
        await lab.write(slow)
        started = time.monotonic()
        (record,) = await lab.results(slow)
        waited_s = time.monotonic() - started
    assert record.verdict == "fixed"
    # the broker drops a member that is silent for ten seconds; one that was dropped would have begun anew
    assert 15 < record.duration_us / 1_000_000 <= waited_s < 1.5 * record.duration_us / 1_000_000


@pytest.mark.slow
async def test_untrusted_code_is_validated_under_gvisor(
    lab: Lab, docker_host: str, repository: Repository, repos: Path
) -> None:
    require_gvisor(docker_host)
    fix = revision(repository.commit, {"calc.py": FIXED})
    await lab.write(fix)
    with lab.worker(docker_host, repos, SANDBOX_UNTRUSTED="true", SANDBOX_RUNTIME="runsc"):
        (record,) = await lab.results(fix)
    assert (record.verdict, record.environment["runtime"]) == ("fixed", "runsc")
