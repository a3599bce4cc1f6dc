"""The plan of the embedded stack."""

from importlib.util import find_spec
from pathlib import Path

from pipeline.cli.home import Home
from pipeline.cli.plan import Plan, Ports, docker_process, make_plan
from sinks import archiver, eraser

PORTS = Ports(gateway=1001, kafka=1002, clickhouse=1003)


def _plan() -> Plan:
    return make_plan(Home(Path("/home-of-test")), PORTS, "unix:///d.sock", docker_process(Path("/d.sock")))


def test_every_part_is_a_module_that_exists() -> None:
    for stage in _plan().stages:
        for part in stage:
            assert find_spec(part.module), part.name


def test_engines_come_before_topics_and_migrations_before_services() -> None:
    names = [{part.name for part in stage} for stage in _plan().stages]
    assert names == [
        {"kafka", "clickhouse", "docker"},
        {"topics", "migrations", "sandbox-image"},
        {"ingest_gateway", "streams", "notary", "sinks", "sandbox", "judge"},
    ]


def test_without_docker_nothing_tries_to_build_its_image() -> None:
    plan = make_plan(Home(Path("/home-of-test")), PORTS, "unix:///d.sock", None, without_docker=True)
    assert [part.name for stage in plan.stages for part in stage if part.optional] == []


def test_services_are_told_where_everything_is() -> None:
    environ = _plan().environ
    assert environ["KAFKA_BOOTSTRAP"] == "127.0.0.1:1002"
    assert environ["CLICKHOUSE_URL"] == "http://127.0.0.1:1003"
    assert environ["GATEWAY_PORT"] == "1001"
    assert environ["DOCKER_HOST"] == "unix:///d.sock"
    assert environ["OBJECT_STORE_DIR"].startswith("/home-of-test/")


def test_every_consumer_group_is_waited_for_and_watched() -> None:
    groups = {part.name: part.groups for part in _plan().processes if part.groups}
    assert groups == {
        "streams": ["streams"],
        "notary": ["notary"],
        "sinks": ["sinks", eraser.GROUP, archiver.GROUP],
        "sandbox": ["sandbox"],
        "judge": ["judge"],
    }


def test_docker_and_its_image_are_optional_and_nothing_else_is() -> None:
    optional = {part.name for stage in _plan().stages for part in stage if part.optional}
    assert optional == {"docker", "sandbox-image"}


def test_the_embedded_servers_speak_in_the_clear_whatever_the_environment_says() -> None:
    environ = _plan().environ
    secured = {"KAFKA_SECURITY", "KAFKA_SASL_PASSWORD", "KAFKA_SASL_PASSWORD_FILE", "KAFKA_CA_FILE", "GATEWAY_TLS_CERT"}
    assert {environ[name] for name in secured} == {""}
