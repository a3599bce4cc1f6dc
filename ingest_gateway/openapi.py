"""The OpenAPI 3.1 document, made from the table of calls, the pydantic models and the table of problems. Pure."""

import re
from collections.abc import Iterable
from typing import Any, Literal

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from ingest_gateway.answers import ProblemAnswer
from ingest_gateway.examples import answer_example, problem_example, request_example
from ingest_gateway.fields import header_fields
from ingest_gateway.problems import MEDIA_TYPE, Kind
from ingest_gateway.routes import Call, Parameter, implied_parameters, implied_problems

Json = dict[str, Any]
SCHEMA = "#/components/schemas/"
PATH_PARAMETERS = {
    "trace_id": {"type": "string", "pattern": "^trace-[0-9a-f]{32}$"},
    # Stored by name and read by digest; to OpenAPI these are one path, whatever its parameter is called.
    "artifact:path": {"type": "string", "minLength": 1, "maxLength": 256, "description": "the name to store it under"},
    "participant:path": {"type": "string", "minLength": 1, "description": "who worked, as the client named them"},
    "artifact": {
        "type": "string",
        "pattern": "^(sha256:)?[0-9a-f]{64}$",
        "description": "the digest that storing gave",
    },
    "leaf_hash": {"type": "string", "pattern": "^[0-9a-f]{64}$", "description": "RFC 6962 hash of the leaf, in hex"},
}
TOKENS = {
    "caller": "the caller's token of its project",
    "upload": "the upload token that creating the trace returned",
}
TITLES = {206: "A part", 200: "Done", 201: "Stored in the log", 202: "Accepted", 503: "Not ready"}


def openapi_path(path: str) -> str:
    """Starlette's path without its converters."""
    return re.sub(r":path}", "}", path)


def _content(what: type[BaseModel] | str, example: Any) -> Json:
    if not isinstance(what, str):
        return {"application/json": {"schema": {"$ref": SCHEMA + what.__name__}, "example": example}}
    if what == "text/event-stream":
        return {what: {"example": example}}
    return {what: {"schema": {"type": "object" if what == "application/json" else "string"}, "example": example}}


def _problem(kinds: list[Kind]) -> Json:
    names = "; ".join(f"`{kind.slug}`: {kind.title}" for kind in kinds)
    shown = {kind.slug: {"summary": kind.title, "value": problem_example(kind)} for kind in kinds}
    schema = {"$ref": SCHEMA + "ProblemAnswer"}
    return {"description": names, "content": {MEDIA_TYPE: {"schema": schema, "examples": shown}}}


def _responses(call: Call) -> Json:
    found: Json = {}
    for status, what in call.answers.items():
        content = _content(what, answer_example(call.handler, status, what))
        found[str(status)] = {"description": TITLES[status], "content": content}
    kinds = list(dict.fromkeys((*call.problems, *implied_problems(call))))
    for status in sorted({kind.status for kind in kinds}):
        found.setdefault(str(status), _problem([kind for kind in kinds if kind.status == status]))
    for status_text, response in found.items():
        if headers := header_fields(call.handler, int(status_text), call.token != "none"):
            response["headers"] = headers
    return found


def _parameter(parameter: Parameter) -> Json:
    fields = {"name": parameter.name, "in": parameter.place, "description": parameter.description, "required": False}
    return {**fields, "schema": parameter.schema}


def _parameters(call: Call) -> list[Json]:
    names = re.findall(r"{([\w:]+)}", call.path)
    about = {"in": "path", "required": True}
    in_path = [{**about, "name": name.removesuffix(":path"), "schema": PATH_PARAMETERS[name]} for name in names]
    return [*in_path, *map(_parameter, (*call.parameters, *implied_parameters(call)))]


def _operation(call: Call) -> Json:
    operation: Json = {
        "operationId": getattr(call.handler, "__name__", call.path),
        "summary": call.summary,
        "responses": _responses(call),
        "security": [] if call.token == "none" else [{call.token: []}],
    }
    if parameters := _parameters(call):
        operation["parameters"] = parameters
    if call.takes is not None:
        operation["requestBody"] = {
            "required": call.body_required,
            "content": _content(call.takes, request_example(call.takes)),
        }
    return operation


def _schemas(calls: Iterable[Call]) -> Json:
    """Component schemas: requests as they are validated, answers as they are written."""
    modes: dict[type[BaseModel], Literal["validation", "serialization"]] = {ProblemAnswer: "serialization"}
    for call in calls:
        modes |= {what: "serialization" for what in call.answers.values() if not isinstance(what, str)}
        if call.takes is not None and not isinstance(call.takes, str):
            modes[call.takes] = "validation"
    _, document = models_json_schema(list(modes.items()), ref_template=SCHEMA + "{model}")
    schemas: Json = document["$defs"]
    return schemas


def openapi_document(calls: tuple[Call, ...], version: str) -> Json:
    """The whole document."""
    paths: Json = {}
    for call in calls:
        paths.setdefault(openapi_path(call.path), {})[call.method.lower()] = _operation(call)
    bearer = {"type": "http", "scheme": "bearer"}
    return {
        "openapi": "3.1.0",
        "info": {"title": "PR Telemetry", "version": version, "license": {"name": "MIT", "identifier": "MIT"}},
        "paths": paths,
        "components": {
            "schemas": _schemas(calls),
            "securitySchemes": {name: {**bearer, "description": text} for name, text in TOKENS.items()},
        },
    }
