"""From a request body to a checked model, or to a Problem that points at each fault. Pure.

Pydantic's own JSON parser reads the body, so depth, numbers, encoding and shape are all judged in one pass.
"""

from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic_core import from_json

from ingest_gateway.problems import BAD_PARAMETER, INVALID_BODY, MALFORMED_JSON, Fault, Problem
from schemas.api import MOST_EVENTS, ArtifactKind, ChunkEnvelope, IngestChunk
from schemas.events import EVENT_ADAPTER, EVENT_TYPES

MOST_FAULTS = 50
POINTER_LIMIT = 300
Model = TypeVar("Model", bound=BaseModel)
ARTIFACT_KIND: TypeAdapter[ArtifactKind] = TypeAdapter(ArtifactKind)
# Pydantic's own texts for these would repeat a value of the request.
REASONS = {"union_tag_invalid": f"type should be one of {', '.join(EVENT_TYPES)}"}


def _steps(location: tuple[int | str, ...]) -> list[str]:
    """The path without what pydantic adds to it: the chosen event type, and the mark of a faulty key."""
    steps = [str(step) for step in location if step != "[key]"]
    if len(steps) > 2 and steps[0] == "events" and steps[2] in EVENT_TYPES:
        del steps[2]
    return steps


def pointer(steps: list[str]) -> str:
    """RFC 6901 JSON Pointer, cut where a hostile key would make it endless."""
    return "".join("/" + step.replace("~", "~0").replace("/", "~1") for step in steps)[:POINTER_LIMIT]


def _fault(error: Any) -> Fault:
    steps = _steps(error["loc"])
    reason = REASONS.get(error["type"]) or error["msg"].removeprefix("Value error, ")
    in_event = len(steps) > 1 and steps[0] == "events" and steps[1].isdigit()
    return Fault(pointer(steps), reason, int(steps[1]) if in_event else None)


def _details(error: ValidationError) -> list[Any]:
    """Pydantic's findings, without anything of the request."""
    return list(error.errors(include_url=False, include_context=False, include_input=False))


def _refusal(error: ValidationError) -> Problem:
    details = _details(error)
    if details[0]["type"] == "json_invalid":
        return Problem(MALFORMED_JSON, details[0]["msg"], (Fault("", details[0]["msg"]),))
    faults = tuple(map(_fault, details[:MOST_FAULTS]))
    return Problem(INVALID_BODY, f"faults: {len(details)}, listed: {len(faults)}", faults)


def parse(model: type[Model], body: bytes) -> Model:
    """The body as the model. Raises Problem with a pointer to each fault."""
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        raise _refusal(error) from None


@dataclass(frozen=True, slots=True)
class Sifted:
    """A chunk without its bad events: its good ones as the client sent them, and of each bad one the first fault."""

    envelope: ChunkEnvelope
    events: list[dict[str, Any]]
    rejected: tuple[Fault, ...] = ()


def parse_chunk(body: bytes) -> Sifted:
    """A chunk whose events are in order: each `seq` greater than the one before. Raises Problem.

    The model judges; what goes on are the values of the same parser, which is cheaper than dumping the models again.
    """
    envelope = parse(IngestChunk, body)
    events: list[dict[str, Any]] = from_json(body)["events"]
    previous = -1
    for index, event in enumerate(events):
        if event["seq"] <= previous:
            raise Problem(INVALID_BODY, "events of a chunk are strictly in order of seq", (_disorder(index, previous),))
        previous = event["seq"]
    return Sifted(envelope, events)


def _disorder(index: int, previous: int) -> Fault:
    return Fault(f"/events/{index}/seq", f"should be greater than {previous}, the seq before it", index)


def sift_chunk(body: bytes) -> Sifted:
    """Like `parse_chunk`, but bad events are set aside. Raises Problem where anything else of the chunk is wrong."""
    try:
        return parse_chunk(body)
    except Problem as whole:
        if whole.kind is not INVALID_BODY:
            raise
        return _sift(from_json(body), whole)


def _sift(fields: Any, whole: Problem) -> Sifted:
    events = fields.get("events") if isinstance(fields, dict) else None
    if not isinstance(events, list) or not 0 < len(events) <= MOST_EVENTS:
        raise whole
    about = {name: value for name, value in fields.items() if name != "events"}
    try:
        envelope = ChunkEnvelope.model_validate(about)
    except ValidationError as error:
        raise _refusal(error) from None
    return Sifted(envelope, *_sorted_out(events))


def _sorted_out(events: list[Any]) -> tuple[list[dict[str, Any]], tuple[Fault, ...]]:
    good: list[dict[str, Any]] = []
    rejected = []
    for index, event in enumerate(events):
        try:
            EVENT_ADAPTER.validate_python(event)
        except ValidationError as error:
            first = _details(error)[0]
            rejected.append(_fault({**first, "loc": ("events", index, *first["loc"])}))
            continue
        if good and event["seq"] <= good[-1]["seq"]:
            rejected.append(_disorder(index, good[-1]["seq"]))
        else:
            good.append(event)
    return good, tuple(rejected)


def artifact_kind(text: str) -> ArtifactKind:
    """The `kind` parameter of an artifact. Raises Problem."""
    try:
        return ARTIFACT_KIND.validate_python(text)
    except ValidationError:
        raise Problem(BAD_PARAMETER, "kind should be workspace, log, report or other") from None


def artifact_name(text: str) -> str:
    """A relative name of at most 256 characters, safe to become a file name in an export. Raises Problem."""
    parts = text.split("/")
    if not 1 <= len(text) <= 256 or not text.isprintable() or not {"", ".", ".."}.isdisjoint(parts) or "\\" in text:
        raise Problem(BAD_PARAMETER, "an artifact's name is relative, printable, without . and .., 1 to 256 characters")
    return text
