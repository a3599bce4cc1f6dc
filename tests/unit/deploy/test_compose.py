"""docker-compose.kafka.yml and env.example agree with the settings, the services and each other."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipeline import settings
from pipeline.kafka import MAX_RECORD_BYTES
from pipeline.mounted import SECRET
from pipeline.settings import GROUPS, LogSettings

ROOT = Path(__file__).parents[3]
TEXT = (ROOT / "docker-compose.kafka.yml").read_text()
SERVICES: dict[str, dict[str, Any]] = yaml.safe_load(TEXT)["services"]
OURS = {name: service for name, service in SERVICES.items() if "pr-telemetry" in service["image"].lower()}
VARIABLES = {name.upper(): field for group in GROUPS for name, field in group.model_fields.items()}
# What is for the host alone, and what a container has as a matter of course.
NOT_PASSED = {
    "OBJECT_STORE_DIR",
    "CLICKHOUSE_ANALYST_USER",
    "CLICKHOUSE_ANALYST_PASSWORD",
    "RUBRICS_DIR",
    "JUDGE_PRICES",
}


def _loaded(module: str) -> set[type[settings.Group]]:
    """The groups that an entry point loads."""
    path = ROOT / module.replace(".", "/")
    text = (path / "__main__.py" if path.is_dir() else path.with_suffix(".py")).read_text()
    return {getattr(settings, name) for name in re.findall(r"\bload\((\w+Settings)\)", text)}


def _variables(groups: set[type[settings.Group]]) -> set[str]:
    return {name.upper() for group in groups for name in group.model_fields}


def test_every_service_and_step_of_ours_is_there() -> None:
    modules = {service["command"][0] for service in OURS.values()}
    packages = {path.parent.name for path in ROOT.glob("*/__main__.py")}
    assert modules == packages | {"pipeline.cli.topics", "sinks.migrate", "streams.notary"}


@pytest.mark.parametrize("name", OURS)
def test_a_service_gets_the_settings_that_it_loads_and_no_others(name: str) -> None:
    given = set(SERVICES[name]["environment"])
    loaded = _loaded(SERVICES[name]["command"][0])
    assert given - _variables(loaded | {LogSettings}) == set()
    assert _variables(loaded) - given - NOT_PASSED == set()


@pytest.mark.parametrize("name", OURS)
def test_our_containers_have_no_privileges(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    sockets = [volume for volume in service.get("volumes", ()) if "docker.sock" in volume]
    assert bool(sockets) == (name == "sandbox")


def test_no_secret_has_a_default() -> None:
    secrets = {name for name in VARIABLES if SECRET.search(name)}
    assert not re.findall(rf"\$\{{({'|'.join(secrets)}):-", TEXT)
    assert {"GATEWAY_SECRET", "RECEIPT_KEY", "NOTARY_KEY", "CLICKHOUSE_PASSWORD"} <= set(_required())


def test_only_the_gateway_is_reachable_from_outside() -> None:
    for name, service in SERVICES.items():
        assert name == "ingest_gateway" or all(port.startswith("127.0.0.1:") for port in service.get("ports", ()))


def test_the_broker_takes_our_largest_records() -> None:
    assert SERVICES["kafka"]["environment"]["KAFKA_MESSAGE_MAX_BYTES"] == MAX_RECORD_BYTES
    assert SERVICES["kafka"]["environment"]["KAFKA_AUTO_CREATE_TOPICS_ENABLE"] == "false"


def test_servers_have_a_health_check_and_images_can_be_replaced() -> None:
    for name in ("kafka", "clickhouse", "s3", "ingest_gateway"):
        assert SERVICES[name]["healthcheck"]["test"]
        assert "localhost" not in str(SERVICES[name]["healthcheck"])
    assert all(service["image"].startswith("${") for service in SERVICES.values())


def _required() -> list[str]:
    return re.findall(r"\$\{(\w+):\?", TEXT)


def test_env_example_lists_every_setting_with_its_default_and_meaning() -> None:
    lines = (ROOT / "env.example").read_text().splitlines()
    given = {
        line.split("=")[0]: (line.split("=", 1)[1], lines[i - 1])
        for i, line in enumerate(lines)
        if "=" in line[1:] and line[0] != "#"
    }
    for name, field in VARIABLES.items():
        value, comment = given.pop(name)
        assert value == ("" if field.default is None else str(field.default)), name
        assert str(field.description) in comment, name
        assert ("required" in comment) == (name in _required()), name
    of_compose = dict(re.findall(r"\$\{(\w+):-([^}]*)\}", TEXT))
    assert {name: value for name, (value, _) in given.items()} == {
        name: default for name, default in of_compose.items() if name not in VARIABLES
    }
