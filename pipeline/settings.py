"""Every setting of every service: read once from the environment, frozen, refused with the variable's name.

The upper-case field name is the variable. Services take only the groups they need.
"""

from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import Field, FilePath, ValidationError, model_validator
from pydantic_core import PydanticCustomError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from pipeline.errors import BadSetting
from pipeline.mounted import SECRET, MountedSecrets

Port = Annotated[int, Field(ge=1, le=65_535)]
Positive = Annotated[int, Field(ge=1)]
TYPES = r"^[a-z*][a-z0-9.+-]*/[a-z0-9.+*-]+(,[a-z*][a-z0-9.+-]*/[a-z0-9.+*-]+)*$"
Natural = Annotated[int, Field(ge=0)]
Dollars = Annotated[Decimal, Field(ge=0, le=1_000_000, allow_inf_nan=False)]
Url = Annotated[str, Field(pattern=r"^https?://[^/\s]+/?$")]
# Where Docker and Kubernetes mount secrets: a file named like the variable gives its value, the environment wins.
SECRETS_DIR = Path("/run/secrets")
Loaded = TypeVar("Loaded", bound=BaseSettings)


class Group(BaseSettings):
    """What all groups share."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_ignore_empty=True)

    @classmethod
    def settings_customise_sources(
        cls, settings_cls: type[BaseSettings], *_: PydanticBaseSettingsSource, **sources: PydanticBaseSettingsSource
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """What the code gives wins, then the environment, then `<NAME>_FILE`, then SECRETS_DIR."""
        given, environment, secrets = (sources[f"{name}_settings"] for name in ("init", "env", "file_secret"))
        return given, environment, MountedSecrets(settings_cls), secrets


def _refuse_unless(fits: object, variable: str, why: str) -> None:
    """For settings that are good one by one and do not fit together."""
    if not fits:
        raise PydanticCustomError("combination", "{text}", {"text": f"{variable}: {why}"})


def _refuse_ca_in_the_clear(url: str, ca_file: Path | None, variable: str, of: str) -> None:
    _refuse_unless(not ca_file or url.startswith("https:"), variable, f"is given, but {of} is not https")


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
    kafka_security: Literal["plaintext", "ssl", "sasl_plaintext", "sasl_ssl"] = Field(
        "plaintext", description="how brokers are reached: plaintext, ssl, sasl_plaintext or sasl_ssl"
    )
    kafka_sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = Field(
        "SCRAM-SHA-512", description="SASL mechanism: PLAIN (with sasl_ssl only), SCRAM-SHA-256 or SCRAM-SHA-512"
    )
    kafka_sasl_user: str = Field("", description="SASL user of the services and commands")
    kafka_sasl_password: str = Field("", description="its password")
    kafka_ca_file: FilePath | None = Field(
        None, description="PEM file of the authorities that sign the brokers; the system's where unset"
    )
    kafka_cert_file: FilePath | None = Field(None, description="PEM file of the client certificate shown to brokers")
    kafka_key_file: FilePath | None = Field(None, description="PEM file of its key, unencrypted")

    stall_s: Positive = Field(
        300, description="seconds without progress after which a consumer that has records to take ends itself"
    )

    @property
    def over_tls(self) -> bool:
        """Whether connections are encrypted."""
        return self.kafka_security in ("ssl", "sasl_ssl")

    @property
    def over_sasl(self) -> bool:
        """Whether a user and a password are shown."""
        return self.kafka_security in ("sasl_plaintext", "sasl_ssl")

    @model_validator(mode="after")
    def _fit_together(self) -> Self:
        needs = f"KAFKA_SECURITY is {self.kafka_security}"
        for name in ("kafka_sasl_user", "kafka_sasl_password"):
            why = f"is required where {needs}" if self.over_sasl else f"is given, but {needs}"
            _refuse_unless(bool(getattr(self, name)) == self.over_sasl, name.upper(), why)
        for name in ("kafka_ca_file", "kafka_cert_file", "kafka_key_file"):
            _refuse_unless(self.over_tls or not getattr(self, name), name.upper(), f"is given, but {needs}")
        clear = self.kafka_security == "sasl_plaintext" and self.kafka_sasl_mechanism == "PLAIN"
        _refuse_unless(not clear, "KAFKA_SASL_MECHANISM", "PLAIN would send the password in the clear; use sasl_ssl")
        _refuse_unless(self.kafka_cert_file or not self.kafka_key_file, "KAFKA_CERT_FILE", "KAFKA_KEY_FILE needs it")
        _refuse_unless(self.kafka_key_file or not self.kafka_cert_file, "KAFKA_KEY_FILE", "KAFKA_CERT_FILE needs it")
        return self


class ClickHouseSettings(Group):
    """Where rows land."""

    clickhouse_url: Url = Field("http://127.0.0.1:8123", description="HTTP interface of ClickHouse")
    clickhouse_user: str = Field("default", description="user that writes and migrates")
    clickhouse_password: str = Field("", description="its password")
    clickhouse_analyst_user: str = Field("analyst", description="read-only user of `pr-telemetry sql`")
    clickhouse_analyst_password: str = Field("", description="its password")
    clickhouse_database: str = Field("telemetry", pattern=r"^[a-z_][a-z0-9_]*$", description="database of the tables")
    retention_days: Positive = Field(90, description="days that rows, objects and archived records are kept")
    clickhouse_ca_file: FilePath | None = Field(
        None, description="PEM file of the authorities that sign an https CLICKHOUSE_URL; the client's own where unset"
    )

    @model_validator(mode="after")
    def _fit_together(self) -> Self:
        _refuse_ca_in_the_clear(self.clickhouse_url, self.clickhouse_ca_file, "CLICKHOUSE_CA_FILE", "CLICKHOUSE_URL")
        return self


class AnalystSettings(Group):
    """What analysts may see and take in ClickHouse."""

    clickhouse_analysts: str = Field(
        "",
        description="analysts of some projects, `name:password:project+project`, comma-separated; embedded engine only",
    )
    clickhouse_analyst_memory_mb: Positive = Field(1_024, description="memory of one query of an analyst, MiB")
    clickhouse_analyst_seconds: Positive = Field(60, description="time of one query, seconds")
    clickhouse_analyst_threads: Positive = Field(2, description="threads of one query")
    clickhouse_analyst_rows: Positive = Field(10_000_000, description="rows of one result")
    clickhouse_analyst_queries: Positive = Field(6, description="queries of one analyst at once")
    clickhouse_analyst_hourly_queries: Positive = Field(500_000, description="queries of one analyst an hour")
    clickhouse_analyst_hourly_s: Positive = Field(
        7_200, description="seconds that the queries of one analyst may take an hour, all together"
    )


class ObjectStoreSettings(Group):
    """Where artifacts, big documents and evidence land."""

    object_store: Literal["folder", "s3"] = Field("folder", description="kind of object store: folder or s3")
    object_store_dir: Path = Field(Path(".pr-telemetry/objects"), description="folder of the folder store")
    s3_endpoint: Url = Field("http://127.0.0.1:9000", description="S3 endpoint, path-style addressing")
    s3_bucket: str = Field("pr-telemetry", description="bucket; created when absent")
    s3_access_key: str = Field("", description="S3 access key")
    s3_secret_key: str = Field("", description="S3 secret key")
    s3_region: str = Field("us-east-1", description="S3 region")
    s3_ca_file: FilePath | None = Field(
        None, description="PEM file of the authorities that sign an https S3_ENDPOINT; the system's where unset"
    )

    @model_validator(mode="after")
    def _fit_together(self) -> Self:
        _refuse_ca_in_the_clear(self.s3_endpoint, self.s3_ca_file, "S3_CA_FILE", "S3_ENDPOINT")
        return self


class ModeSettings(Group):
    """What this is for."""

    mode: Literal["development", "production"] = Field(
        "production", description="development accepts the well-known development token and secrets"
    )


class GatewaySettings(ModeSettings):
    """The HTTP front door."""

    gateway_host: str = Field("127.0.0.1", description="address to listen on")
    gateway_port: Port = Field(8080, description="port to listen on")
    gateway_tls_cert: FilePath | None = Field(
        None, description="PEM file of the certificate and its chain; with it the gateway serves https only"
    )
    gateway_tls_key: FilePath | None = Field(None, description="PEM file of its key, unencrypted")
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
    notary_public_keys: str = Field(
        "", description="verifier keys (vkeys) of the notary, the current one first, comma-separated; published"
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

    @model_validator(mode="after")
    def _fit_together(self) -> Self:
        cert, key = self.gateway_tls_cert, self.gateway_tls_key
        _refuse_unless(cert or not key, "GATEWAY_TLS_CERT", "is required where GATEWAY_TLS_KEY is given")
        _refuse_unless(key or not cert, "GATEWAY_TLS_KEY", "is required where GATEWAY_TLS_CERT is given")
        return self


class ClientSettings(Group):
    """What the commands use to reach a gateway."""

    gateway_url: str = Field("http://127.0.0.1:8080", description="gateway that the commands talk to")
    gateway_token: str = Field("dev_token_12345", description="bearer token that the commands send")


class StreamsSettings(Group):
    """The assembler."""

    trace_idle_s: Positive = Field(86_400, description="idle seconds after which an open trace expires")
    trace_longest_s: Annotated[int, Field(ge=1, le=864_000)] = Field(
        604_800, description="seconds that a trace may be open at all, 10 days at most: then it expires, too"
    )
    max_open_bytes: Natural = Field(
        268_435_456, description="memory of a worker for chunks of open traces, bytes; others are read again"
    )
    inline_document_bytes: Positive = Field(
        131_072, description="largest compressed document kept inside TraceAssembled, bytes"
    )


class NotarySettings(ModeSettings):
    """The Merkle log."""

    notary_key: str = Field("", description="Ed25519 private key of checkpoints, 32 bytes in hex")
    notary_origin: str = Field(
        "pr-telemetry.local/log",
        pattern=r"^[!-*,-~]{1,255}$",
        description="name of the log, in each of its checkpoints",
    )
    checkpoint_interval_s: Positive = Field(5, description="seconds after which new leaves get a checkpoint")
    checkpoint_leaves: Positive = Field(1_000, description="new leaves that get a checkpoint at once")


class SinksSettings(Group):
    """Rows, erasure and archive."""

    archive_segment_s: Positive = Field(
        3_600, description="seconds after which read records are archived, unless 16 MiB of them come first"
    )
    audit_interval_s: Positive = Field(300, description="seconds from one look for lost records to the next")


class SandboxSettings(Group):
    """The test runs."""

    sandbox_repos_dir: Path | None = Field(
        None, description="folder of local mirrors: NAME or NAME.git where a trace's repository address ends in NAME"
    )
    sandbox_origins: str = Field(
        "",
        description="addresses that repositories are fetched from, `https://host/team`, comma-separated; empty: none",
    )
    sandbox_private_origins: bool = Field(False, description="whether the hosts of these may have private addresses")
    sandbox_fetched_dir: Path = Field(Path(".pr-telemetry/fetched"), description="folder of what was fetched")
    sandbox_fetched_mb: Positive = Field(10_240, description="room for what was fetched, MiB; the unused goes first")
    sandbox_fetch_timeout_s: Positive = Field(120, description="deadline of one fetch, seconds")
    sandbox_fetch_mb: Positive = Field(256, description="largest repository that is fetched, MiB")
    sandbox_build_images: bool = Field(
        False, description="build images with a lock file's dependencies, by a process that uses the network"
    )
    sandbox_images_kept: Positive = Field(50, description="images with dependencies that are kept, the newest ones")
    sandbox_wheels_dir: Path | None = Field(
        None, description="folder of wheels that dependencies come from; the package index where unset"
    )
    sandbox_tasks_dir: Path | None = Field(
        None, description="folder of TASK_ID.json files: lists of tests, a diff of tests, the runner of known tasks"
    )
    sandbox_repeats: Positive = Field(1, description="times that the runs which decide are repeated")
    sandbox_image: str = Field("pr-telemetry/sandbox-python:3.11", description="image that Python's tests run in")
    sandbox_node_image: str = Field("pr-telemetry/sandbox-node:18", description="image that Node's tests run in")
    sandbox_runtime: str = Field("runc", description="container runtime: runc, or runsc (gVisor)")
    sandbox_untrusted: bool = Field(
        False, description="whether code may be hostile to the kernel itself: start with gVisor, or not at all"
    )
    sandbox_parallel: Positive = Field(2, description="traces validated at once")
    sandbox_run_timeout_s: Positive = Field(60, description="deadline of one suite run, seconds")
    sandbox_memory_mb: Positive = Field(512, description="memory of a container, MiB")
    sandbox_pids: Positive = Field(128, description="processes and threads of a container")
    docker_host: str | None = Field(None, description="Docker daemon; the default socket where unset")


class JudgeSettings(Group):
    """The grading."""

    judge: str | None = Field(
        None,
        description="who judges: heuristic, openai, openai:MODEL, panel:3xMODEL, panel:A,B;"
        " unset: openai with a key or base URL, else heuristic",
    )
    judge_rubric: Path | None = Field(None, description="rubric file or name; the built-in rubric 1.0 where unset")
    rubrics_dir: Path | None = Field(
        None, description="folder of further rubric files, found by name like built-in ones"
    )
    judge_model: str = Field("gpt-4o-mini", description="model of the OpenAI-compatible judge")
    openai_api_key: str | None = Field(None, description="key of the judge's endpoint")
    openai_base_url: str | None = Field(None, description="OpenAI-compatible endpoint; OpenAI's own where unset")
    judge_mode: Literal["all", "criterion", "batch"] = Field(
        "all", description="what one call asks about: all criteria of a trace, one criterion, or a batch of traces"
    )
    judge_batch: Annotated[int, Field(ge=2)] = Field(4, description="traces in one call, in mode batch")
    judge_format: Literal["auto", "json_schema", "json_object", "text"] = Field(
        "auto", description="how the form of an answer is demanded; auto: as strictly as the endpoint allows"
    )
    judge_event_bytes: Positive = Field(200_000, description="bytes of events shown in one call; about 3 to 4 a token")
    judge_answer_size: Positive = Field(4_000, description="tokens that an answer about one trace may have")
    judge_parallel: Positive = Field(4, description="traces judged at once; in mode batch, batches")
    judge_calls: Positive = Field(8, description="calls of the endpoint at once")
    judge_timeout_s: Positive = Field(60, description="deadline of one call, seconds; times the traces of a batch")
    judge_deadlines: Positive = Field(
        3, description="times that a call may pass its deadline while others are answered, until its trace is unscored"
    )
    judge_price_in: Dollars | None = Field(None, description="dollars for a million prompt tokens of JUDGE_MODEL")
    judge_price_out: Dollars | None = Field(None, description="dollars for a million completion tokens of JUDGE_MODEL")
    judge_prices: Path | None = Field(
        None, description="YAML file with prices of models: `MODEL: {in: DOLLARS, out: DOLLARS}`"
    )
    judge_budget_usd: Dollars | None = Field(
        None, description="dollars that live judging may spend a day (UTC), of all processes together; then it pauses"
    )
    judge_metrics_host: str = Field("127.0.0.1", description="address that the judge's metrics are served at")
    judge_metrics_port: Annotated[int, Field(ge=0, le=65_535)] = Field(
        0, description="port of the judge's metrics; 0: not served"
    )


GROUPS: tuple[type[Group], ...] = (
    LogSettings,
    StackSettings,
    KafkaSettings,
    ClickHouseSettings,
    AnalystSettings,
    ObjectStoreSettings,
    GatewaySettings,
    ClientSettings,
    StreamsSettings,
    NotarySettings,
    SinksSettings,
    SandboxSettings,
    JudgeSettings,
)


def load(group: type[Loaded]) -> Loaded:
    """The group's settings from the environment and SECRETS_DIR. Raises BadSetting, naming each bad variable."""
    try:
        return group(_secrets_dir=SECRETS_DIR) if SECRETS_DIR.is_dir() else group()
    except ValidationError as error:
        lines = [
            _fault(str(e["loc"][0]).upper(), e["msg"], e["input"]) if e["loc"] else e["msg"] for e in error.errors()
        ]
        raise BadSetting(
            "Bad setting. Correct it in the environment and start again:\n  " + "\n  ".join(lines)
        ) from None


def _fault(variable: str, message: str, value: Any) -> str:
    return f"{variable}: {message}" + ("" if SECRET.search(variable) else f" (got {value!r})")
