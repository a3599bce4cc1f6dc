"""The OpenAPI 3.1 document, made from the table of calls, the pydantic models and the table of problems. Pure."""

import re
from collections.abc import Iterable
from typing import Any, Literal

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from ingest_gateway.answers import ProblemAnswer
from ingest_gateway.problems import MEDIA_TYPE, Kind
from ingest_gateway.routes import Call, Parameter, implied_problems

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
}
TOKENS = {
    "caller": "the caller's token of its project",
    "upload": "the upload token that creating the trace returned",
}
RETRY_AFTER = {"Retry-After": {"description": "seconds", "schema": {"type": "integer"}}}
WAITING = {409, 429, 503}
RATE_LIMIT = {
    "RateLimit-Policy": {"description": "what is allowed: q requests in w seconds", "schema": {"type": "string"}},
    "RateLimit": {"description": "what is left: r requests, all again in t seconds", "schema": {"type": "string"}},
}
TITLES = {206: "A part", 200: "Done", 201: "Stored in the log", 202: "Accepted", 503: "Not ready"}


def openapi_path(path: str) -> str:
    """Starlette's path without its converters."""
    return re.sub(r":path}", "}", path)


def _content(what: type[BaseModel] | str) -> Json:
    if what == "text/event-stream":
        return {what: {}}
    if isinstance(what, str):
        return {what: {"schema": {"type": "object"} if what == "application/json" else {"type": "string"}}}
    return {"application/json": {"schema": {"$ref": SCHEMA + what.__name__}}}


def _problem(status: int, kinds: list[Kind]) -> Json:
    names = "; ".join(f"`{kind.slug}`: {kind.title}" for kind in kinds)
    limits = RATE_LIMIT if status == 429 else {}
    headers = {"headers": {**RETRY_AFTER, **limits}} if status in WAITING else {}
    return {"description": names, "content": {MEDIA_TYPE: {"schema": {"$ref": SCHEMA + "ProblemAnswer"}}}, **headers}


def _headers(call: Call, status: int) -> Json:
    own = call.headers.get(status, {}).items()
    said = {name: {"description": text, "schema": {"type": "string"}} for name, text in own}
    return {**said, **(RATE_LIMIT if call.token != "none" else {})}


def _responses(call: Call) -> Json:
    found: Json = {}
    for status, what in call.answers.items():
        found[str(status)] = {"description": TITLES[status], "content": _content(what)}
        if headers := _headers(call, status):
            found[str(status)]["headers"] = headers
    kinds = list(dict.fromkeys((*call.problems, *implied_problems(call))))
    for status in sorted({kind.status for kind in kinds}):
        found.setdefault(str(status), _problem(status, [kind for kind in kinds if kind.status == status]))
    return found


def _parameter(parameter: Parameter) -> Json:
    fields = {"name": parameter.name, "in": parameter.place, "description": parameter.description, "required": False}
    return {**fields, "schema": parameter.schema}


def _parameters(call: Call) -> list[Json]:
    names = re.findall(r"{([\w:]+)}", call.path)
    about = {"in": "path", "required": True}
    in_path = [{**about, "name": name.removesuffix(":path"), "schema": PATH_PARAMETERS[name]} for name in names]
    return [*in_path, *map(_parameter, call.parameters)]


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
        operation["requestBody"] = {"required": call.body_required, "content": _content(call.takes)}
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
