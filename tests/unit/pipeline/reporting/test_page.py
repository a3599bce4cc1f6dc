"""The report is one closed file: hostile text stays text, no script, no address, every plot is told in words."""

from __future__ import annotations

import base64
import hashlib
import re
from html.parser import HTMLParser

import pytest

from pipeline.comparison import measured_overall
from pipeline.reporting.diff import diff_page
from pipeline.reporting.markup import Html, el, text
from tests.support.comparisons import comparison

HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "'><svg/onload=alert(1)>",
    "</title></style></textarea><script src=//evil.example/x.js></script>",
    "]]><!--<iframe srcdoc='<script>alert(1)</script>'>-->",
    "javascript:alert(1)",
    "<a href='jAvAsCrIpT:alert(1)'>x</a>",
    "{{constructor.constructor('alert(1)')()}}${alert(1)}",
    "<math><mi//xlink:href='data:x,<script>alert(1)</script>'>",
    "\x00\x1b[31m\u202egnp.exe\u2066\ud800",
    "&lt;script&gt;&#x3c;script&#62;",
)
_TAGS = (
    "html head meta title style body main h1 h2 h3 p span ul li b section div table caption thead tbody tr th td"
    " figure figcaption svg desc rect line circle text article dl dt dd code"
)
_ATTRIBUTES = (
    "lang charset http-equiv content name class aria-hidden aria-label aria-labelledby role tabindex scope id viewbox"
    " width height x y x1 y1 x2 y2 cx cy r fill-opacity text-anchor"
)
TAGS, ATTRIBUTES = set(_TAGS.split()), set(_ATTRIBUTES.split())


class Seen(HTMLParser):
    """What a parser of HTML finds in a page."""

    def __init__(self, content: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.said: list[str] = []
        self.comments = 0
        self.feed(content)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.said.append(data)

    def handle_comment(self, data: str) -> None:
        self.comments += 1


@pytest.mark.parametrize("words", HOSTILE)
def test_hostile_text_makes_no_element_and_no_attribute(words: str) -> None:
    harmless, found = Seen(diff_page(comparison("plain"))), Seen(diff_page(comparison(words)))
    assert [tag for tag, _ in found.elements] == [tag for tag, _ in harmless.elements]
    assert {tag for tag, _ in found.elements} <= TAGS
    assert {name for _, attributes in found.elements for name in attributes} <= ATTRIBUTES
    assert found.comments == 0


@pytest.mark.parametrize("words", [words for words in HOSTILE if words.isascii() and words.isprintable()])
def test_hostile_text_is_shown_as_it_is(words: str) -> None:
    assert words in Seen(diff_page(comparison(words))).said


def test_what_steers_a_terminal_or_the_direction_of_text_is_only_shown() -> None:
    page = diff_page(comparison(HOSTILE[9]))
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f\u202a-\u202e\u2066-\u2069\ud800-\udfff]", page)
    page.encode()


def test_the_policy_allows_the_one_style_sheet_and_nothing_else() -> None:
    page = diff_page(comparison())
    found = Seen(page)
    policy = next(a["content"] or "" for tag, a in found.elements if a.get("http-equiv") == "Content-Security-Policy")
    (style,) = re.findall("<style>(.*?)</style>", page, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert policy.split("; ") == [
        "default-src 'none'",
        f"style-src 'sha256-{digest}'",
        "base-uri 'none'",
        "form-action 'none'",
    ]
    assert not re.search(r"https?://|url\(|@import", page)


def test_every_plot_has_a_title_and_a_description_of_its_own() -> None:
    found = Seen(diff_page(comparison()))
    plots = [attributes for tag, attributes in found.elements if tag == "svg"]
    ids = [attributes["id"] for _, attributes in found.elements if "id" in attributes]
    assert len(plots) == 3 + 2 * 2
    assert len(ids) == len(set(ids)) == 2 * len(plots)
    for plot in plots:
        assert plot["role"] == "img"
        assert set((plot["aria-labelledby"] or "").split()) <= set(ids)


def test_tables_name_their_rows_and_columns() -> None:
    found = Seen(diff_page(comparison()))
    scopes = [attributes.get("scope") for tag, attributes in found.elements if tag == "th"]
    assert scopes
    assert set(scopes) == {"col", "row"}
    assert [tag for tag, _ in found.elements].count("caption") == [tag for tag, _ in found.elements].count("table")


def test_what_is_not_known_is_a_dash_and_no_zero() -> None:
    said = Seen(diff_page(comparison())).said
    assert "0.1620 USD" in said
    assert "–" in said
    assert "0.0000 USD" not in said


def test_a_comparison_of_nothing_is_still_a_page() -> None:
    page = diff_page(comparison(overall=measured_overall({}), criteria=(), outcomes={}, moves=(), examples=()))
    assert "No trace is scored in both runs." in page


def test_only_markup_of_ours_goes_in_as_it_is() -> None:
    assert el("p", "<b>", Html("<i></i>"), None, 3, ["a", "&"]) == "<p>&lt;b&gt;<i></i>3a&amp;</p>"
    assert el("p", class_='"><script>', data_x=None) == '<p class="&quot;&gt;&lt;script&gt;"></p>'
    assert text("a\x1bb") == "a␛b"
