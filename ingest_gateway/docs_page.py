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


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    cells = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    return "<table><tr>" + "".join(f"<th>{name}</th>" for name in head) + f"</tr>{cells}</table>" if rows else ""


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
        (status, _prose(response["description"]), _reference(response.get("content", {})))
        for status, response in sorted(operation["responses"].items())
    ]
    return "\n".join(
        [
            f'<h2><span class="method">{method.upper()}</span> <code>{escape(path)}</code></h2>',
            f"<p>{_prose(operation['summary'])}.</p>",
            f"<p>Token: {token}.</p>" if token else "<p>No token.</p>",
            _parameters(operation),
            f"<p>Body: {_reference(takes['content'])}</p>" if takes else "",
            _table(("status", "meaning", "body"), rows),
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
