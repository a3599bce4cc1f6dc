"""Settings are read in one place, and a bad one is refused with its variable's name."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pipeline import settings
from pipeline.errors import BadSetting
from pipeline.mounted import is_secret
from pipeline.settings import GROUPS, GatewaySettings, KafkaSettings, load

ROOT = Path(__file__).parents[3]
PACKAGES = ("schemas", "clients", "pipeline", "ingest_gateway", "streams", "sinks", "sandbox", "judge")
BAD = {
    "LOG_LEVEL": "LOUD",
    "KAFKA_PORT": "0",
    "CLICKHOUSE_PORT": "port",
    "TOPIC_PROFILE": "huge",
    "KAFKA_SECURITY": "tls",
    "KAFKA_SASL_MECHANISM": "GSSAPI",
    "CLICKHOUSE_URL": "127.0.0.1:8123",
    "CLICKHOUSE_DATABASE": "drop table;",
    "RETENTION_DAYS": "0",
    "OBJECT_STORE": "ftp",
    "S3_ENDPOINT": "s3.example.org",
    "MODE": "test",
    "GATEWAY_PORT": "65536",
    "JWT_REFRESH_S": "0",
    "UPLOAD_TOKEN_TTL_S": "-1",
    "MAX_CHUNK_BYTES": "1.5",
    "MAX_BODY_BYTES": "",
    "MAX_HEAD_BYTES": "0",
    "HEAD_TIMEOUT_S": "0",
    "BODY_TIMEOUT_S": "0",
    "MIN_BODY_BYTES_PER_S": "0",
    "MAX_OPEN_UPLOADS": "0",
    "IDEMPOTENCY": "perhaps",
    "MAX_REPLAY_BYTES": "0",
    "STATUS_STREAM_S": "0",
    "MAX_STATUS_STREAMS": "0",
    "RATE_LIMIT_CALLER_PER_S": "-1",
    "RATE_LIMIT_PROJECT_PER_S": "-1",
    "MAX_ARTIFACT_BYTES": "many",
    "MAX_IN_FLIGHT_BYTES": "-1",
    "MAX_SPOOL_BYTES": "0",
    "ARTIFACT_TYPES": "text",
    "STALL_S": "0",
    "TRACE_IDLE_S": "0",
    "TRACE_LONGEST_S": "864001",
    "MAX_OPEN_BYTES": "-1",
    "INLINE_DOCUMENT_BYTES": "0",
    "NOTARY_ORIGIN": "a+b",
    "CHECKPOINT_INTERVAL_S": "0",
    "CHECKPOINT_LEAVES": "0",
    "ARCHIVE_SEGMENT_S": "0",
    "AUDIT_INTERVAL_S": "0",
    "CLICKHOUSE_ANALYST_MEMORY_MB": "0",
    "CLICKHOUSE_ANALYST_SECONDS": "0",
    "CLICKHOUSE_ANALYST_THREADS": "0",
    "CLICKHOUSE_ANALYST_ROWS": "0",
    "CLICKHOUSE_ANALYST_QUERIES": "0",
    "CLICKHOUSE_ANALYST_HOURLY_QUERIES": "0",
    "CLICKHOUSE_ANALYST_HOURLY_S": "0",
    "SANDBOX_PARALLEL": "0",
    "SANDBOX_RUN_TIMEOUT_S": "0",
    "SANDBOX_MEMORY_MB": "0",
    "SANDBOX_PIDS": "0",
    "SANDBOX_REPEATS": "0",
    "SANDBOX_FETCH_MB": "0",
    "SANDBOX_FETCHED_MB": "0",
    "SANDBOX_IMAGES_KEPT": "0",
    "SANDBOX_FETCH_TIMEOUT_S": "0",
    "SANDBOX_BUILD_IMAGES": "perhaps",
    "SANDBOX_PRIVATE_ORIGINS": "perhaps",
    "SANDBOX_UNTRUSTED": "perhaps",
    "JUDGE_MODE": "one",
    "JUDGE_BATCH": "1",
    "JUDGE_FORMAT": "xml",
    "JUDGE_EVENT_BYTES": "0",
    "JUDGE_ANSWER_SIZE": "0",
    "JUDGE_PARALLEL": "0",
    "JUDGE_CALLS": "0",
    "JUDGE_TIMEOUT_S": "0",
    "JUDGE_DEADLINES": "0",
    "JUDGE_PRICE_IN": "-0.1",
    "JUDGE_PRICE_OUT": "NaN",
    "JUDGE_BUDGET_USD": "much",
    "JUDGE_METRICS_PORT": "65536",
}
VARIABLES = {name.upper(): group for group in GROUPS for name in group.model_fields}

SECRETS = [name for name, group in VARIABLES.items() if is_secret(name, group.model_fields[name.lower()].annotation)]


@pytest.fixture(autouse=True)
def _empty_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in VARIABLES:
        monkeypatch.delenv(variable, raising=False)


@pytest.mark.parametrize("group", GROUPS)
def test_every_group_has_working_defaults_and_a_description_each(group: type[settings.Group]) -> None:
    load(group)
    assert all(field.description for field in group.model_fields.values())


@pytest.mark.parametrize("variable", [name for name, value in BAD.items() if value])
def test_a_bad_value_is_refused_by_name(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable, BAD[variable])
    with pytest.raises(BadSetting, match=re.escape(f"{variable}: ")) as refused:
        load(VARIABLES[variable])
    assert BAD[variable] in str(refused.value)


def test_every_setting_with_a_constraint_is_tried() -> None:
    constrained = {
        name
        for name, group in VARIABLES.items()
        if (field := group.model_fields[name.lower()]).metadata or field.annotation not in (str, str | None)
    }
    free = {name for name in constrained if "Path" in str(VARIABLES[name].model_fields[name.lower()].annotation)}
    assert constrained - free <= BAD.keys()


def test_an_empty_variable_is_an_absent_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAX_BODY_BYTES", "")
    assert load(GatewaySettings).max_body_bytes == 1_048_576


def test_a_mounted_secret_gives_a_value_and_the_environment_wins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "gateway_secret").write_text("mounted\n")
    monkeypatch.setattr(settings, "SECRETS_DIR", tmp_path)
    assert load(GatewaySettings).gateway_secret == "mounted"
    monkeypatch.setenv("GATEWAY_SECRET", "given")
    assert load(GatewaySettings).gateway_secret == "given"


SASL = {"KAFKA_SECURITY": "sasl_ssl", "KAFKA_SASL_USER": "me", "KAFKA_SASL_PASSWORD": "mine"}


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({**SASL, "KAFKA_SASL_USER": ""}, "KAFKA_SASL_USER: is required where KAFKA_SECURITY is sasl_ssl"),
        ({**SASL, "KAFKA_SASL_PASSWORD": ""}, "KAFKA_SASL_PASSWORD: is required"),
        ({**SASL, "KAFKA_SECURITY": "ssl"}, "KAFKA_SASL_USER: is given, but KAFKA_SECURITY is ssl"),
        ({"KAFKA_SASL_PASSWORD": "mine"}, "KAFKA_SASL_PASSWORD: is given, but KAFKA_SECURITY is plaintext"),
        ({"KAFKA_CA_FILE": __file__}, "KAFKA_CA_FILE: is given, but KAFKA_SECURITY is plaintext"),
        ({"KAFKA_SECURITY": "ssl", "KAFKA_CERT_FILE": __file__}, "KAFKA_KEY_FILE: "),
        ({"KAFKA_SECURITY": "ssl", "KAFKA_KEY_FILE": __file__}, "KAFKA_CERT_FILE: "),
        ({"KAFKA_SECURITY": "ssl", "KAFKA_CA_FILE": "nowhere.pem"}, "KAFKA_CA_FILE: Path does not point to a file"),
        (
            {**SASL, "KAFKA_SECURITY": "sasl_plaintext", "KAFKA_SASL_MECHANISM": "PLAIN"},
            "KAFKA_SASL_MECHANISM: PLAIN would send the password in the clear",
        ),
        ({"GATEWAY_TLS_CERT": __file__}, "GATEWAY_TLS_KEY: is required where GATEWAY_TLS_CERT is given"),
        ({"GATEWAY_TLS_KEY": __file__}, "GATEWAY_TLS_CERT: is required where GATEWAY_TLS_KEY is given"),
        ({"CLICKHOUSE_CA_FILE": __file__}, "CLICKHOUSE_CA_FILE: is given, but CLICKHOUSE_URL is not https"),
        ({"S3_CA_FILE": __file__}, "S3_CA_FILE: is given, but S3_ENDPOINT is not https"),
    ],
)
def test_settings_that_do_not_fit_together_are_refused_by_name(
    given: dict[str, str], named: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable, value in given.items():
        monkeypatch.setenv(variable, value)
    with pytest.raises(BadSetting, match=re.escape(f"  {named}")) as refused:
        load(VARIABLES[next(iter(given))])
    assert "mine" not in str(refused.value)


class TestSecretsInFiles:
    @pytest.mark.parametrize("variable", SECRETS)
    def test_every_secret_may_come_from_one(
        self, variable: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "mounted").write_text("of the file\n")
        monkeypatch.setenv(f"{variable}_FILE", str(tmp_path / "mounted"))
        if variable == "KAFKA_SASL_PASSWORD":
            monkeypatch.setenv("KAFKA_SECURITY", "sasl_ssl")
            monkeypatch.setenv("KAFKA_SASL_USER", "me")
        assert getattr(load(VARIABLES[variable]), variable.lower()) == "of the file"

    def test_the_value_beside_its_file_is_refused(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("GATEWAY_SECRET_FILE", str(tmp_path))
        monkeypatch.setenv("GATEWAY_SECRET", "given")
        with pytest.raises(BadSetting, match="GATEWAY_SECRET_FILE: GATEWAY_SECRET is given, too"):
            load(GatewaySettings)

    def test_a_file_that_is_not_there_is_named(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("GATEWAY_SECRET_FILE", str(tmp_path / "nowhere"))
        with pytest.raises(BadSetting, match=r"GATEWAY_SECRET_FILE: .*nowhere cannot be read: No such file"):
            load(GatewaySettings)

    def test_a_file_that_is_no_text_is_named(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (tmp_path / "mounted").write_bytes(b"\xff")
        monkeypatch.setenv("RECEIPT_KEY_FILE", str(tmp_path / "mounted"))
        with pytest.raises(BadSetting, match=r"RECEIPT_KEY_FILE: .* it is not text"):
            load(GatewaySettings)

    def test_the_place_of_a_key_is_no_secret(self) -> None:
        assert "GATEWAY_TLS_KEY" not in SECRETS


def test_a_refusal_does_not_repeat_a_secret() -> None:
    assert settings._fault("GATEWAY_SECRET", "too short", "hunter2") == "GATEWAY_SECRET: too short"


def test_settings_are_frozen() -> None:
    with pytest.raises(ValueError, match="frozen"):
        load(KafkaSettings).kafka_bootstrap = "elsewhere:9092"  # type: ignore[misc]


def test_nothing_else_reads_the_environment() -> None:
    """But entry points (the CLI is one), and what only hands the environment on to the processes that it starts."""
    allowed = {*(ROOT / "pipeline/cli").rglob("*.py"), ROOT / "sandbox/fetch.py", ROOT / "clients/repositories.py"}
    sources = {path for package in PACKAGES for path in (ROOT / package).rglob("*.py")} - allowed
    readers = re.compile(r"os\.environ|getenv|environ\b.*import|import.*\benviron\b")
    found = [
        path.relative_to(ROOT).as_posix()
        for path in sorted(sources)
        if path.name != "__main__.py" and readers.search(path.read_text())
    ]
    assert not found


def test_settings_are_loaded_by_entry_points_only() -> None:
    sources = {path: path.read_text() for package in PACKAGES for path in (ROOT / package).rglob("*.py")}
    callers = {path for path, text in sources.items() if re.search(r"\bload\(\w*Settings\)", text)}
    assert not [path for path in callers if '__name__ == "__main__"' not in sources[path] and "cli" not in path.parts]
