"""The OpenAPI document covers every call and holds together; the page made from it loads nothing from elsewhere."""

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import orjson
import pytest
from jsonschema_rs import validator_for

from ingest_gateway.docs_page import docs_page
from ingest_gateway.examples import REQUESTS
from ingest_gateway.fields import TEXTS
from ingest_gateway.openapi import openapi_document, openapi_path
from ingest_gateway.problems import KINDS
from ingest_gateway.routes import CALLS, implied_problems

DOCUMENT = openapi_document(CALLS, "1.2.3")
ERRORS = Path(__file__).parents[3] / "docs" / "api-errors.md"


def test_every_call_is_described() -> None:
    described = {(method.upper(), path) for path, item in DOCUMENT["paths"].items() for method in item}
    assert described == {(call.method, openapi_path(call.path)) for call in CALLS}
    assert DOCUMENT["openapi"] == "3.1.0"


def _references(value: Any) -> set[str]:
    if isinstance(value, dict):
        own = {value["$ref"]} if isinstance(value.get("$ref"), str) else set()
        return own.union(*map(_references, value.values()))
    return set().union(*map(_references, value)) if isinstance(value, list) else set()


def test_every_reference_leads_to_a_schema() -> None:
    schemas = DOCUMENT["components"]["schemas"]
    names = {reference.removeprefix("#/components/schemas/") for reference in _references(DOCUMENT)}
    assert names
    assert names <= schemas.keys()
    assert orjson.loads(orjson.dumps(DOCUMENT)) == DOCUMENT


def test_operation_ids_are_unique_and_path_parameters_declared() -> None:
    operations = [(path, op) for path, item in DOCUMENT["paths"].items() for op in item.values()]
    ids = [op["operationId"] for _, op in operations]
    assert len(ids) == len(set(ids))
    for path, operation in operations:
        declared = {p["name"] for p in operation.get("parameters", ()) if p["in"] == "path"}
        assert declared == set(re.findall(r"{(\w+)}", path))


def test_no_two_paths_differ_by_the_name_of_a_parameter_only() -> None:
    shapes = [re.sub(r"{\w+}", "{}", path) for path in DOCUMENT["paths"]]
    assert len(shapes) == len(set(shapes))
    assert DOCUMENT["paths"]["/v1/traces/{trace_id}/artifacts/{artifact}"].keys() == {"put", "get"}


def test_what_the_gateway_refuses_the_document_refuses() -> None:
    listing = {p["name"]: p["schema"] for p in DOCUMENT["paths"]["/v1/traces"]["get"]["parameters"]}
    assert listing["limit"] == {"type": "integer", "minimum": 1, "maximum": 500}
    environment = DOCUMENT["components"]["schemas"]["CreateTrace"]["properties"]["environment"]
    assert environment["additionalProperties"] is False
    optional = {
        operation["operationId"]
        for item in DOCUMENT["paths"].values()
        for operation in item.values()
        if not operation.get("requestBody", {"required": True})["required"]
    }
    assert optional == {"complete", "put_artifact"}


@pytest.mark.parametrize("call", CALLS, ids=lambda call: f"{call.method} {call.path}")
def test_problems_of_a_call_are_among_its_responses(call: Any) -> None:
    responses = DOCUMENT["paths"][openapi_path(call.path)][call.method.lower()]["responses"]
    for kind in (*call.problems, *implied_problems(call)):
        assert kind.slug in responses[str(kind.status)]["description"] or kind.status in call.answers
    assert "application/problem+json" in responses["500"]["content"]
    for response in responses.values():
        assert ("RateLimit" in response.get("headers", {})) == (call.token != "none")


def test_every_problem_type_is_documented_once_and_can_happen() -> None:
    headings = re.findall(r"^## (.+)$", ERRORS.read_text(), re.MULTILINE)
    assert headings == [kind.slug for kind in KINDS]
    for kind in KINDS:
        assert f"`{kind.type}`, status {kind.status}: {kind.title}." in ERRORS.read_text()


def bodies() -> Iterator[tuple[str, Any, Any]]:
    """(where, schema, example) of every body of the document, in a request or an answer."""
    for path, item in DOCUMENT["paths"].items():
        for method, operation in item.items():
            found = {"request": operation["requestBody"]} if "requestBody" in operation else {}
            for name, body in {**found, **operation["responses"]}.items():
                for entry in body["content"].values():
                    shown = entry["examples"] if "examples" in entry else {"": {"value": entry["example"]}}
                    for which, example in shown.items():
                        where = f"{method} {path} {name} {which}"
                        yield where, entry.get("schema", {"type": "string"}), example["value"]


BODIES = list(bodies())


@pytest.mark.parametrize(("schema", "example"), [body[1:] for body in BODIES], ids=[body[0] for body in BODIES])
def test_every_body_has_an_example_that_keeps_to_its_schema(schema: Any, example: Any) -> None:
    validator_for({**schema, "components": DOCUMENT["components"]}).validate(example)


def test_every_kind_of_problem_is_shown_where_it_can_happen() -> None:
    for call in CALLS:
        responses = DOCUMENT["paths"][openapi_path(call.path)][call.method.lower()]["responses"]
        for kind in {*call.problems, *implied_problems(call)} - {k for k in KINDS if k.status in call.answers}:
            shown = responses[str(kind.status)]["content"]["application/problem+json"]["examples"][kind.slug]["value"]
            assert (shown["type"], shown["status"], shown["title"]) == (kind.type, kind.status, kind.title)


def test_every_request_example_is_taken() -> None:
    for model, example in REQUESTS.items():
        model.model_validate(example)


def test_every_described_header_is_in_some_answer() -> None:
    described = set()
    for item in DOCUMENT["paths"].values():
        for operation in item.values():
            for response in operation["responses"].values():
                described |= set(response.get("headers", ()))
    assert described == set(TEXTS)


def test_what_has_a_body_may_have_a_digest_and_what_is_written_a_trace_context() -> None:
    operations = [operation for item in DOCUMENT["paths"].values() for operation in item.values()]
    names = {o["operationId"]: {p["name"] for p in o.get("parameters", ())} for o in operations}
    assert {o["operationId"] for o in operations if "requestBody" in o} == {
        name for name, found in names.items() if "Content-Digest" in found
    }
    assert {name for name, found in names.items() if "traceparent" in found} == {
        *("create", "ingest", "complete", "put_artifact", "erase_trace", "erase_participant"),
    }


class _Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []
        self.tags: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.links += [value or "" for name, value in attrs if name in {"href", "src", "srcset", "action"}]


def test_the_page_needs_no_other_host_and_runs_nothing() -> None:
    page, links = docs_page(DOCUMENT), _Links()
    links.feed(page)
    assert all(link.startswith(("#", "/")) and not link.startswith("//") for link in links.links)
    assert not {"script", "link", "iframe", "img"} & links.tags
    assert not re.search(r"url\(|@import", page)
    anchors = {link[1:] for link in links.links if link.startswith("#")}
    assert anchors <= set(re.findall(r'id="([^"]+)"', page))
    assert all(openapi_path(call.path) in page for call in CALLS)


def test_the_page_escapes() -> None:
    hostile = {**DOCUMENT, "info": {"title": "<script>", "version": "1"}}
    assert "<script>" not in docs_page(hostile)
