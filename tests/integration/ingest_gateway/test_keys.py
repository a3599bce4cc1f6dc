"""The commands change who is let in, at every replica, within seconds; and each change is in the audit trail."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from schemas.records import TraceCreated
from tests.integration.ingest_gateway.conftest import TRACE, Front, bearer, build, chunk, serving, until_ready
from tests.support.api_keys import audit_of

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180)]
Command = Callable[..., Awaitable[subprocess.CompletedProcess[str]]]


@pytest.fixture
def command(front: Front, tmp_path: Path) -> Command:
    """Runs `pr-telemetry ...` as an operator would."""
    environment = {
        **os.environ,
        "KAFKA_BOOTSTRAP": front.kafka.kafka_bootstrap,
        "PR_TELEMETRY_HOME": str(tmp_path / "home"),
    }

    async def run(*arguments: str, status: int = 0) -> subprocess.CompletedProcess[str]:
        line = [sys.executable, "-m", "pipeline.cli", *arguments]
        done = await asyncio.to_thread(
            subprocess.run, line, capture_output=True, text=True, timeout=60, env=environment, check=False
        )
        assert done.returncode == status, done.stderr
        return done

    return run


async def until(front: Front, status: int, token: str, project: str) -> str:
    """Returns the slug of the answer once creating a trace with the token gives the status; within five seconds."""
    async with asyncio.timeout(5):
        while True:
            body = {**TRACE, "consent": "research", "project": project}
            answer = await front.http.post("/v1/traces", json=body, headers=bearer(token))
            if answer.status_code == status:
                return str(answer.json().get("type", "")).rpartition(":")[2]
            await asyncio.sleep(0.05)


async def test_create_rotate_revoke(front: Front, command: Command, tmp_path: Path) -> None:
    project = f"p-{tmp_path.name}"[:64]
    made = json.loads((await command("key", "create", "--role", "writer", "--project", project, "--json")).stdout)
    key, key_id = made["key"], made["key_id"]
    async with serving(build(front.kafka, tmp_path / "second"), front.kafka) as second:
        await until_ready(second)
        for replica in (front, second):
            await until(replica, 201, key, project)
        rotated = (await command("key", "rotate", key_id)).stdout.strip()
        for replica in (front, second):
            await until(replica, 201, rotated, project)
            assert await until(replica, 401, key, project) == "unauthorized"
        await command("key", "revoke", key_id, "--by", "ann")
        for replica in (front, second):
            assert await until(replica, 401, rotated, project) == "token-revoked"
    await command("key", "rotate", key_id, status=2)
    listed = await command("key", "list", "--json")
    (line,) = [line for line in json.loads(listed.stdout) if line["key_id"] == key_id]
    assert (line["project"], line["role"], line["state"]) == (project, "writer", "revoked")
    entries = await audit_of(front.kafka, f"key/{key_id}")
    assert [entry.action for entry in entries] == ["key create", "key rotate", "key revoke"]
    assert (entries[-1].actor, entries[-1].project) == ("cli/ann", project)
    secrets = [key.split("_")[2], rotated.split("_")[2]]
    assert not [secret for secret in secrets if secret in listed.stdout + repr(entries)]


async def test_a_closed_trace_and_a_revoked_token_take_nothing_more(front: Front, command: Command) -> None:
    first, second = await front.open(), await front.open()
    await command("token", "revoke", "trace", first.trace_id, "--reason", "laptop lost")
    await command("token", "revoke", "token", second.answer["upload_token"])
    for trace, number in ((first, 1), (second, 2)):
        async with asyncio.timeout(5):
            while (answer := await front.ingest(trace, chunk(number))).status_code != 401:
                number += 10
                await asyncio.sleep(0.05)
        assert answer.json()["type"].endswith("token-revoked")
        body = {"upload_token": trace.answer["upload_token"]}
        url = f"/v1/traces/{trace.trace_id}/upload-token"
        assert (await front.http.post(url, json=body, headers=bearer("dev_token_12345"))).status_code == 401
    entries = await audit_of(front.kafka, f"trace/{first.trace_id}")
    assert [e.detail for e in entries if e.action == "token revoke"] == [{"reason": "laptop lost"}]


async def test_a_policy_hides_personal_data_at_every_replica(front: Front, command: Command, tmp_path: Path) -> None:
    project, note_to = f"p-{tmp_path.name}"[:64], "write to jane@example.org"
    await command("policy", project, "training", "--redact", "email", "--by", "ann")
    async with serving(build(front.kafka, tmp_path / "second"), front.kafka) as second:
        await until_ready(second)
        for replica in (front, second):
            await hides(replica, project, note_to, {"email": 1})
        await command("policy", project, "research")
        (line,) = [
            line for line in json.loads((await command("policies", "--json")).stdout) if line["project"] == project
        ]
        assert line == {"project": project, "consent": "research", "redact": ["email"]}
        await command("policy", project, "research", "--redact", "none")
        for replica in (front, second):
            await hides(replica, project, note_to, {})
    details = [entry.detail for entry in await audit_of(front.kafka, f"policy/{project}")]
    assert [(detail["consent"], detail["redact"]) for detail in details] == [
        ("training", "email"),
        ("research", "email"),
        ("research", ""),
    ]


async def hides(front: Front, project: str, title: str, counts: dict[str, int]) -> None:
    """Returns once a new trace of the project, without consent given, hides just this in its title; or times out."""
    async with asyncio.timeout(5):
        while True:
            body = {**TRACE, "project": project, "task_title": title}
            answer = await front.http.post("/v1/traces", json=body, headers=bearer("dev_token_12345"))
            if answer.status_code == 201:
                (_, _, created), *_ = await front.records(answer.json()["trace_id"])
                assert isinstance(created, TraceCreated)
                if created.redactions == counts:
                    assert ("jane" in created.task_title) == (not counts)
                    return
            await asyncio.sleep(0.05)


@pytest.mark.parametrize(
    "arguments",
    [
        ("key", "create", "--role", "emperor", "--project", "alpha"),
        ("key", "create", "--role", "writer", "--project", "a/b"),
        ("key", "revoke", "000000000000"),
        ("token", "revoke", "trace", "trace-7"),
        ("token", "revoke", "laptop", "x"),
        ("policy", "alpha", "maybe"),
    ],
)
async def test_wrong_usage_changes_nothing(command: Command, arguments: tuple[str, ...]) -> None:
    assert (await command(*arguments, status=2)).stderr
