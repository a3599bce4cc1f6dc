"""Jars are found where their pom says, and a half-fetched folder is never taken for a whole one."""

from __future__ import annotations

from pathlib import Path

import pytest

from deploy.embedded.jars import JarsUnavailable, cache_folder, find_jars
from deploy.embedded.kafka.__main__ import POM as KAFKA_POM
from deploy.embedded.kafka.properties import server_properties
from deploy.embedded.kafka.storage import new_cluster_id


def _fake_maven(folder: Path, body: str) -> None:
    maven = folder / "mvn"
    find_out = 'for a in "$@"; do case $a in -DoutputDirectory=*) out=${a#*=};; esac; done'
    maven.write_text(f"#!/bin/sh\n{find_out}\n{body}\n")
    maven.chmod(0o755)


def test_the_cache_folder_is_named_after_the_pom_s_own_version() -> None:
    assert cache_folder(KAFKA_POM, {"XDG_CACHE_HOME": "/cache"}) == Path("/cache/pr-telemetry/kafka-4.3.1")


def test_jars_are_fetched_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _fake_maven(tmp_path, 'echo jar > "$out/a.jar"')
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    said: list[str] = []
    for _ in range(2):
        folder = find_jars(KAFKA_POM, tmp_path / "cache" / "kafka", said.append)
    assert [path.name for path in folder.iterdir()] == ["a.jar"]
    assert len(said) == 2


def test_a_failed_fetch_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _fake_maven(tmp_path, 'echo half > "$out/a.jar"; echo no network; exit 1')
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    with pytest.raises(JarsUnavailable, match="no network"):
        find_jars(KAFKA_POM, tmp_path / "cache" / "kafka", lambda _: None)
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_fetch_that_another_process_finished_is_dropped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "cache" / "kafka"
    _fake_maven(tmp_path, f'mkdir "{folder}"; echo theirs > "{folder}/a.jar"; echo ours > "$out/a.jar"')
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    assert (find_jars(KAFKA_POM, folder, lambda _: None) / "a.jar").read_text() == "theirs\n"
    assert list(folder.parent.iterdir()) == [folder]


def test_the_broker_listens_on_loopback_only() -> None:
    lines = server_properties(9, 10, Path("/data/log")).splitlines()
    assert "listeners=PLAINTEXT://127.0.0.1:9,CONTROLLER://127.0.0.1:10" in lines
    assert "auto.create.topics.enable=false" in lines
    assert len(lines) == len({line.split("=")[0] for line in lines})


def test_cluster_ids_have_kafka_s_form() -> None:
    assert len(new_cluster_id()) == 22
    assert new_cluster_id() != new_cluster_id()
