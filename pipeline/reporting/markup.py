"""HTML that is safe by construction: whatever is not Html is text, and text is escaped. Pure.

Text of traces and rationales may be anything. Control characters, those that turn the direction of text among them, are
shown, not obeyed.
"""

import base64
import hashlib
import re
from collections.abc import Iterable
from html import escape
from itertools import chain

from clients.timeline import printable

_BIDI = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff\ufffe\uffff]")
_VOID = frozenset({"meta"})


class Html(str):
    """Markup that goes into a page as it is."""

    __slots__ = ()


Child = str | int | float | None
Children = Iterable[Child]


def text(value: object) -> Html:
    """Anything as escaped text."""
    return Html(escape(_BIDI.sub("\ufffd", printable(value)), quote=True))


def el(name: str, /, *children: Child | Children, **attributes: Child) -> Html:
    """An element; None is left out. In attributes' names `_` is `-`, and `class_` is `class`."""
    given = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{text(value)}"'
        for key, value in attributes.items()
        if value is not None
    )
    if name in _VOID:
        return Html(f"<{name}{given}>")
    flat = chain.from_iterable([child] if isinstance(child, Child) else child for child in children)
    inner = "".join(child if isinstance(child, Html) else text(child) for child in flat if child is not None)
    return Html(f"<{name}{given}>{inner}</{name}>")


def table(caption: str, head: Iterable[Child], rows: Iterable[Iterable[Child]]) -> Html:
    """A table of which the first column names the row; numbers are set to the right."""
    body = [el("tr", [_cell(place, value) for place, value in enumerate(row)]) for row in rows]
    top = el("tr", [el("th", name, scope="col") for name in head])
    whole = el("table", el("caption", caption), el("thead", top), el("tbody", body))
    return el("div", whole, class_="wide", role="region", tabindex=0, aria_label=caption)


def _cell(place: int, value: Child) -> Html:
    number = "number" if isinstance(value, int | float) or _NUMBER.fullmatch(value or "") else None
    return el("th", value, scope="row", class_=number) if place == 0 else el("td", value, class_=number)


_NUMBER = re.compile(r"[-+−]?[\d.,]+(?: ?%| s| USD)?(?: [\[(].*[\])])?|–")


def page(title: str, style: str, *body: Child | Children) -> str:
    """A whole document. Its policy allows this one style sheet, and nothing else: no script, no image, no address."""
    allowed = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{allowed}'; base-uri 'none'; form-action 'none'"
    head = el(
        "head",
        el("meta", charset="utf-8"),
        el("meta", http_equiv="Content-Security-Policy", content=policy),
        el("meta", name="viewport", content="width=device-width, initial-scale=1"),
        el("meta", name="referrer", content="no-referrer"),
        el("meta", name="color-scheme", content="light dark"),
        el("title", title),
        el("style", Html(style)),
    )
    return f"<!DOCTYPE html>\n{el('html', head, el('body', el('main', *body)), lang='en')}\n"
