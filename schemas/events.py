"""The five event types as clients send them, and the one form in which they are stored.

A stored event is itself a valid client event: times in microseconds, absent instead of null, nothing invented.
Refused here: unknown fields, wrong types, NaN and infinities, integers beyond 2**53 - 1.
"""

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, model_validator

MAX_SAFE_INT = 2**53 - 1
MICROSECONDS = 1_000_000

Count = Annotated[int, Field(ge=0, le=MAX_SAFE_INT)]
Integer = Annotated[int, Field(ge=-MAX_SAFE_INT, le=MAX_SAFE_INT)]
Seconds = Annotated[float, Field(ge=0, le=4_000_000_000)]
EventId = Annotated[str, Field(min_length=1, max_length=128)]
Digest = Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$")]
ArtifactRef = Annotated[str, Field(pattern=r"^artifact:sha256:[0-9a-f]{64}$")]
Author = Literal["human_typed", "human_pasted", "ai"]
TestStatus = Literal["passed", "failed", "skipped", "error"]
# A chunk of 256 KiB could not hold more; said of the string itself, it is answered with a pointer to it.
LONGEST_TEXT = 262_144
Text = Annotated[str, Field(max_length=LONGEST_TEXT)]
Framework = Annotated[str, Field(min_length=1, max_length=64)]


class Wire(BaseModel):
    """Strict, closed and finite: the settings every client-facing model shares."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


def stored_form(event: dict[str, Any]) -> dict[str, Any]:
    """A valid event, parsed from what a client sent, as it is stored: integers and strings only, absent instead of null
    or empty. `Event.stored` is the same from the model; this one spares high volumes the model's dump."""
    defaults = DEFAULTS.get(event["type"])
    fields = {**defaults, **event} if defaults else dict(event)
    fields.pop("ts_server_s", None)
    if None in fields.values():
        fields = _present(fields)
    _microseconds(fields, "ts_client_s", "ts_client_us")
    _microseconds(fields, "duration_s", "duration_us")
    if "results" in fields:
        fields["results"] = [_stored_result(result) for result in fields["results"]]
    if not fields.get("caused_by", True):
        del fields["caused_by"]
    return fields


def _stored_result(result: dict[str, Any]) -> dict[str, Any]:
    fields = _present(result)
    _microseconds(fields, "duration_s", "duration_us")
    return fields


def _present(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


def _microseconds(fields: dict[str, Any], seconds: str, microseconds: str) -> None:
    """Replace float seconds by integer microseconds in place."""
    if seconds in fields:
        fields[microseconds] = round(fields.pop(seconds) * MICROSECONDS)


class Timed(Wire):
    """What takes time: `duration_s` (seconds) or `duration_us` (microseconds) or neither."""

    duration_s: Seconds | None = None
    duration_us: Count | None = None

    @model_validator(mode="after")
    def _one_duration(self) -> Self:
        if self.duration_s is not None and self.duration_us is not None:
            raise ValueError("give duration_s or duration_us, not both")
        return self


class Event(Wire):
    """What every event has. `seq` orders the events of one trace, from 0, without holes.

    Exactly one of `ts_client_s` (seconds since the epoch) and `ts_client_us` (microseconds) is given.
    `ts_server_s` is accepted and ignored: the server's own time is authoritative.
    """

    id: EventId
    seq: Count
    ts_client_s: Seconds | None = None
    ts_client_us: Count | None = None
    ts_server_s: Seconds | None = None
    caused_by: list[EventId] = Field(default_factory=list, max_length=64)

    @model_validator(mode="after")
    def _one_time(self) -> Self:
        if (self.ts_client_s is None) == (self.ts_client_us is None):
            raise ValueError("give exactly one of ts_client_s and ts_client_us")
        return self

    def stored(self) -> dict[str, Any]:
        """The event as it is stored, see `stored_form`."""
        return stored_form(self.model_dump())


class FileEdit(Event):
    """One change of one file: a diff with its ---, +++ and @@ lines; `buffer_hash_after` covers the bytes after it."""

    type: Literal["file_edit"]
    file_path: Annotated[str, Field(min_length=1, max_length=4096)]
    diff_unified: Text
    buffer_hash_after: Digest | None = None
    author: Author | None = None


class CmdRun(Event, Timed):
    """A shell command. Output travels inline or, when big, as an artifact reference."""

    type: Literal["cmd_run"]
    command: Text
    cwd: Text | None = None
    exit_code: Integer | None = None
    output: Text | None = None
    output_ref: ArtifactRef | None = None


class TestResult(Timed):
    """One test of a test run."""

    id: Annotated[str, Field(min_length=1, max_length=4096)]
    status: TestStatus
    message: Text | None = None


class TestRun(Event, Timed):
    """A run of a test suite as the client saw it: a claim until the sandbox has re-run it."""

    type: Literal["test_run"]
    framework: Framework
    command: Text | None = None
    exit_code: Integer | None = None
    passed: Count = 0
    failed: Count = 0
    skipped: Count = 0
    errors: Count = 0
    results: list[TestResult] | None = None
    output: Text | None = None
    report_ref: ArtifactRef | None = None


class Commit(Event):
    """A commit, or the final patch of a session without one."""

    type: Literal["commit"]
    sha: Annotated[str, Field(pattern=r"^[0-9a-f]{7,64}$")] | None = None
    message: Text
    diff_unified: Text | None = None
    parents: list[Annotated[str, Field(pattern=r"^[0-9a-f]{7,64}$")]] | None = None


class RationaleNote(Event):
    """Why something was done: any of the named parts, or free text; at least one of them."""

    type: Literal["rationale_note"]
    plan: Text | None = None
    hypothesis: Text | None = None
    observation: Text | None = None
    decision: Text | None = None
    next_step: Text | None = None
    text: Text | None = None

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not any((self.plan, self.hypothesis, self.observation, self.decision, self.next_step, self.text)):
            raise ValueError("give at least one of plan, hypothesis, observation, decision, next_step, text")
        return self


AnyEvent = Annotated[FileEdit | CmdRun | TestRun | Commit | RationaleNote, Field(discriminator="type")]
EVENT_TYPES: dict[str, type[Event]] = {
    "file_edit": FileEdit,
    "cmd_run": CmdRun,
    "test_run": TestRun,
    "commit": Commit,
    "rationale_note": RationaleNote,
}
# What a stored event says though its client left it out.
DEFAULTS: dict[str, dict[str, Any]] = {
    name: said
    for name, model in EVENT_TYPES.items()
    if (said := {key: field.default for key, field in model.model_fields.items() if type(field.default) is int})
}
EVENT_ADAPTER: TypeAdapter[FileEdit | CmdRun | TestRun | Commit | RationaleNote] = TypeAdapter(AnyEvent)


def json_schema(event_type: str) -> dict[str, Any]:
    """JSON Schema (2020-12) of one event type, as published under schemas/json/."""
    schema = EVENT_TYPES[event_type].model_json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
