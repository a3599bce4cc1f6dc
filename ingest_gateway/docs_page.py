"""The OpenAPI document as one HTML page for people: no script, no font, no host but ours. Pure."""

import re
from collections.abc import Sequence
from html import escape
from typing import Any

import orjson

Json = dict[str, Any]
STYLE = """body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1b1f24}
code,pre{font-family:ui-monospace,monospace;background:#f3f4f6}pre{padding:1rem;overflow:auto}
h2{border-top:1px solid #d0d7de;padding-top:1rem}.method{color:#0550ae}
table{border-collapse:collapse}td,th{border:1px solid #d0d7de;padding:.3rem .6rem;text-align:left;vertical-align:top}"""


def _prose(text: str) -> str:
    """The text with what stands in backticks as code."""
    return re.sub("`([^`]+)`", r"<code>\1</code>", escape(text))


def _reference(content: Json) -> str:
    """What a body is: a link to its schema, or its media type."""
    links = []
    for media_type, entry in content.items():
        name = entry.get("schema", {}).get("$ref", "").rpartition("/")[2]
        link = f' <a href="#{escape(name)}">{escape(name)}</a>' if name else ""
        links.append(f"<code>{escape(media_type)}</code>{link}")
    return ", ".join(links)


def _examples(about: str, content: Json) -> str:
    """The examples of a body that has a single one, for people."""
    shown = [entry["example"] for entry in content.values() if "example" in entry]
    texts = [one if isinstance(one, str) else orjson.dumps(one, option=orjson.OPT_INDENT_2).decode() for one in shown]
    return "".join(f"<details><summary>{about}</summary><pre>{escape(text)}</pre></details>" for text in texts)


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    cells = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    return "<table><tr>" + "".join(f"<th>{name}</th>" for name in head) + f"</tr>{cells}</table>" if rows else ""


def _headers(response: Json) -> str:
    return ", ".join(f"<code>{escape(name)}</code>" for name in response.get("headers", ()))


def _parameters(operation: Json) -> str:
    rows = [
        (f"<code>{escape(p['name'])}</code>", p["in"], _prose(p.get("description", "")))
        for p in operation.get("parameters", ())
    ]
    return _table(("parameter", "in", "what"), rows)


def _operation(path: str, method: str, operation: Json) -> str:
    token = "".join(escape(name) for scheme in operation["security"] for name in scheme)
    takes = operation.get("requestBody")
    rows = [
        (status, _prose(response["description"]), _headers(response), _reference(response["content"]))
        for status, response in sorted(operation["responses"].items())
    ]
    return "\n".join(
        [
            f'<h2><span class="method">{method.upper()}</span> <code>{escape(path)}</code></h2>',
            f"<p>{_prose(operation['summary'])}.</p>",
            f"<p>Token: {token}.</p>" if token else "<p>No token.</p>",
            _parameters(operation),
            f"<p>Body: {_reference(takes['content'])}</p>" if takes else "",
            _examples("Example of a body", takes["content"]) if takes else "",
            _table(("status", "meaning", "headers", "body"), rows),
            *[
                _examples(f"Example of {status}", response["content"])
                for status, response in sorted(operation["responses"].items())
            ],
        ]
    )


def _schema(name: str, schema: Json) -> str:
    text = orjson.dumps(schema, option=orjson.OPT_INDENT_2).decode()
    about = _prose(schema.get("description", ""))
    return f'<h3 id="{escape(name)}">{escape(name)}</h3><p>{about}</p><pre>{escape(text)}</pre>'


def docs_page(document: Json) -> str:
    """The page."""
    title = f"{document['info']['title']} {document['info']['version']}"
    operations = [
        _operation(path, method, op) for path, item in document["paths"].items() for method, op in item.items()
    ]
    tokens = [
        (f"<code>{escape(name)}</code>", _prose(scheme["description"]))
        for name, scheme in document["components"]["securitySchemes"].items()
    ]
    schemas = [_schema(name, schema) for name, schema in sorted(document["components"]["schemas"].items())]
    return "\n".join(
        [
            f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>',
            f"<style>{STYLE}</style></head><body><h1>{escape(title)}</h1>",
            '<p>Also as <a href="/openapi.json">OpenAPI 3.1</a>. Send <code>Authorization: Bearer TOKEN</code>.</p>',
            _table(("token", "is"), tokens),
            *operations,
            "<h2>Schemas</h2>",
            *schemas,
            "</body></html>",
        ]
    )
