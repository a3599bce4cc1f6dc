"""Every setting of every service: read once from the environment, frozen, refused with the variable's name.

The upper-case field name is the variable. Services take only the groups they need.
"""

import re
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from pipeline.errors import BadSetting

Port = Annotated[int, Field(ge=1, le=65_535)]
Positive = Annotated[int, Field(ge=1)]
TYPES = r"^[a-z*][a-z0-9.+-]*/[a-z0-9.+*-]+(,[a-z*][a-z0-9.+-]*/[a-z0-9.+*-]+)*$"
Natural = Annotated[int, Field(ge=0)]
Url = Annotated[str, Field(pattern=r"^https?://[^/\s]+/?$")]
SECRET = re.compile(r"(PASSWORD|SECRET|TOKENS|KEY)$")
# Where Docker and Kubernetes mount secrets: a file named like the variable gives its value, the environment wins.
SECRETS_DIR = Path("/run/secrets")
Loaded = TypeVar("Loaded", bound=BaseSettings)


class Group(BaseSettings):
    """What all groups share."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_ignore_empty=True)


class LogSettings(Group):
    """How much is logged."""

    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("INFO", description="least level that is logged")


class StackSettings(Group):
    """The embedded stack of `pr-telemetry up`."""

    pr_telemetry_home: Path = Field(Path(".pr-telemetry"), description="folder of the embedded stack's state and logs")
    kafka_port: Port = Field(9092, description="port of the embedded broker")
    clickhouse_port: Port = Field(8123, description="port of the embedded ClickHouse engine")


class KafkaSettings(Group):
    """The log."""

    kafka_bootstrap: str = Field("127.0.0.1:9092", description="brokers, host:port, comma-separated")
    topic_profile: Literal["development", "production"] = Field(
        "development",
        description="development (1 replica) or production (3): partitions and replicas of topics it creates",
    )


class ClickHouseSettings(Group):
    """Where rows land."""

    clickhouse_url: Url = Field("http://127.0.0.1:8123", description="HTTP interface of ClickHouse")
    clickhouse_user: str = Field("default", description="user that writes and migrates")
    clickhouse_password: str = Field("", description="its password")
    clickhouse_analyst_user: str = Field("analyst", description="read-only user of `pr-telemetry sql`")
    clickhouse_analyst_password: str = Field("", description="its password")
    clickhouse_database: str = Field("telemetry", pattern=r"^[a-z_][a-z0-9_]*$", description="database of the tables")
    retention_days: Positive = Field(90, description="days that rows are kept")


class ObjectStoreSettings(Group):
    """Where artifacts, big documents and evidence land."""

    object_store: Literal["folder", "s3"] = Field("folder", description="kind of object store: folder or s3")
    object_store_dir: Path = Field(Path(".pr-telemetry/objects"), description="folder of the folder store")
    s3_endpoint: Url = Field("http://127.0.0.1:9000", description="S3 endpoint, path-style addressing")
    s3_bucket: str = Field("pr-telemetry", description="bucket; created when absent")
    s3_access_key: str = Field("", description="S3 access key")
    s3_secret_key: str = Field("", description="S3 secret key")
    s3_region: str = Field("us-east-1", description="S3 region")


class GatewaySettings(Group):
    """The HTTP front door."""

    mode: Literal["development", "production"] = Field(
        "production", description="development accepts the well-known development token and secrets"
    )
    gateway_host: str = Field("127.0.0.1", description="address to listen on")
    gateway_port: Port = Field(8080, description="port to listen on")
    gateway_tokens: str = Field("", description="fixed operator tokens, `project:token`, comma-separated")
    gateway_secret: str = Field("", description="key of upload tokens, request MACs and redaction hashes")
    receipt_key: str = Field("", description="Ed25519 private key of receipts, 32 bytes in hex")
    jwt_jwks: str = Field("", description="file or URL of the JWK Set whose JWTs callers may show; empty: none")
    jwt_audience: str = Field("", description="audience that a caller's JWT must name")
    jwt_issuer: str = Field("", description="issuer that a caller's JWT must name")
    jwt_refresh_s: Positive = Field(300, description="seconds after which the JWK Set is read again")
    jwt_development_secret: str = Field("", description="HS256 secret of callers' JWTs, in development only")
    retired_receipt_keys: str = Field(
        "", description="public keys of earlier receipts, 32 bytes in hex, comma-separated; still published"
    )
    redact_personal: str = Field(
        "", description="personal data to redact, too: `project:rule`, comma-separated; project * is every one"
    )
    upload_token_ttl_s: Positive = Field(3600, description="life of an upload token, seconds")
    max_chunk_bytes: Positive = Field(262_144, description="largest chunk after redaction, bytes")
    max_body_bytes: Positive = Field(1_048_576, description="largest request body of JSON, bytes")
    max_head_bytes: Positive = Field(16_384, description="largest request line and headers together, bytes")
    head_timeout_s: Positive = Field(10, description="time in which the head of a request comes, seconds")
    body_timeout_s: Positive = Field(
        10, description="time in which a body comes, seconds; MIN_BODY_BYTES_PER_S adds to it"
    )
    min_body_bytes_per_s: Positive = Field(8_192, description="bytes of a body that give it one more second")
    max_open_uploads: Positive = Field(16, description="uploads of one trace at once, in each process")
    idempotency: Literal["optional", "required"] = Field(
        "optional", description="whether a chunk needs an Idempotency-Key"
    )
    max_replay_bytes: Positive = Field(
        67_108_864, description="memory of recent answers to chunks, bytes; about 2 KiB a chunk"
    )
    status_stream_s: Positive = Field(300, description="longest time of one status stream, seconds")
    max_status_streams: Positive = Field(100, description="status streams at once, in each process")
    rate_limit_caller_per_s: Natural = Field(
        2_000, description="requests a second of one caller, in each process, twice as many at once; 0: no limit"
    )
    rate_limit_project_per_s: Natural = Field(0, description="the same for all callers of a project; 0: no limit")
    max_artifact_bytes: Positive = Field(33_554_432, description="largest artifact, bytes")
    artifact_types: str = Field(
        "*/*", pattern=TYPES, description="content types of artifacts that are taken, `text/*,image/png`"
    )
    max_spool_bytes: Positive = Field(1_073_741_824, description="artifacts held in temporary files at once, bytes")
    max_in_flight_bytes: Positive = Field(134_217_728, description="request bodies held at once, bytes")


class ClientSettings(Group):
    """What the commands use to reach a gateway."""

    gateway_url: str = Field("http://127.0.0.1:8080", description="gateway that the commands talk to")
    gateway_token: str = Field("dev_token_12345", description="bearer token that the commands send")


class StreamsSettings(Group):
    """The assembler."""

    trace_idle_s: Positive = Field(86_400, description="idle seconds after which an open trace expires")
    inline_document_bytes: Positive = Field(
        131_072, description="largest compressed document kept inside TraceAssembled, bytes"
    )


class SandboxSettings(Group):
    """The test runs."""

    sandbox_repos_dir: Path | None = Field(
        None, description="folder of local mirrors: NAME or NAME.git where a trace's repository address ends in NAME"
    )
    sandbox_image: str = Field("pr-telemetry/sandbox-python:3.11", description="image that tests run in")
    sandbox_runtime: str = Field("runc", description="container runtime")
    sandbox_parallel: Positive = Field(2, description="traces validated at once")
    sandbox_run_timeout_s: Positive = Field(60, description="deadline of one suite run, seconds")
    sandbox_memory_mb: Positive = Field(512, description="memory of a container, MiB")
    sandbox_pids: Positive = Field(128, description="processes and threads of a container")
    docker_host: str | None = Field(None, description="Docker daemon; the default socket where unset")


class JudgeSettings(Group):
    """The grading."""

    judge_rubric: Path | None = Field(None, description="rubric file; the built-in rubric 1.0 where unset")
    judge_model: str = Field("gpt-4o-mini", description="model of the OpenAI-compatible judge")
    openai_api_key: str | None = Field(None, description="key; with it or a base URL, the OpenAI client judges")
    openai_base_url: str | None = Field(None, description="OpenAI-compatible endpoint")
    judge_parallel: Positive = Field(4, description="traces judged at once")
    judge_timeout_s: Positive = Field(60, description="deadline of one call, seconds")


GROUPS: tuple[type[Group], ...] = (
    LogSettings,
    StackSettings,
    KafkaSettings,
    ClickHouseSettings,
    ObjectStoreSettings,
    GatewaySettings,
    ClientSettings,
    StreamsSettings,
    SandboxSettings,
    JudgeSettings,
)


def load(group: type[Loaded]) -> Loaded:
    """The group's settings from the environment and SECRETS_DIR. Raises BadSetting, naming each bad variable."""
    try:
        return group(_secrets_dir=SECRETS_DIR) if SECRETS_DIR.is_dir() else group()
    except ValidationError as error:
        lines = [_fault(str(e["loc"][0]).upper(), e["msg"], e["input"]) for e in error.errors()]
        raise BadSetting(
            "Bad setting. Correct it in the environment and start again:\n  " + "\n  ".join(lines)
        ) from None


def _fault(variable: str, message: str, value: Any) -> str:
    return f"{variable}: {message}" + ("" if SECRET.search(variable) else f" (got {value!r})")
