"""Reads XML of unknown origin as a stream of elements within bounds.

A document type definition is refused where it begins, and with it every entity, so that nothing can expand. Only the
text that a reader asks for is kept. Expat does the parsing; nothing is fetched.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol
from xml.parsers.expat import ExpatError, ParserCreate

from pipeline.reports.model import BadReport
from pipeline.reports.values import MAX_DEPTH, MAX_TEXT

MAX_ELEMENTS = 1_000_000
Attributes = Mapping[str, str]


class Elements(Protocol):
    """What a reader of one XML format does; names come without their prefix."""

    def start(self, element: str, attributes: Attributes) -> None:
        """An element begins. May raise BadReport."""

    def end(self, element: str, text: str) -> None:
        """An element ends; `text` is its own text where `keeps` asked for it, cut at twice MAX_TEXT."""

    def keeps(self, element: str) -> bool:
        """Whether the text of this element is wanted."""


def feed(data: bytes, elements: Elements) -> None:
    """Walk through the document. Raises BadReport."""
    walk = _Walk(elements)
    try:
        walk.parser.Parse(data, True)
    except ExpatError as error:
        raise BadReport(f"not well-formed XML ({error}): the file is cut off or damaged, write it again") from None
    except (LookupError, ValueError) as error:
        if isinstance(error, BadReport):
            raise
        raise BadReport(f"its encoding cannot be read ({error}): write it as UTF-8") from None


class _Walk:
    def __init__(self, elements: Elements) -> None:
        self.parser = ParserCreate()
        self.parser.buffer_text = True
        self.parser.StartDoctypeDeclHandler = self._refuse
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._characters
        self._elements = elements
        self._open: list[list[str] | None] = []
        self._kept = 0
        self._begun = 0

    def _refuse(self, *_: object) -> None:
        raise BadReport("it has a document type definition, which no test report needs: remove it")

    def _start(self, element: str, attributes: dict[str, str]) -> None:
        if len(self._open) >= MAX_DEPTH:
            raise BadReport(f"elements nested deeper than {MAX_DEPTH}: this is no test report")
        self._begun += 1
        if self._begun > MAX_ELEMENTS:
            raise BadReport(f"more than {MAX_ELEMENTS:,} elements: split the run into several reports")
        element = element.rpartition(":")[2]
        self._elements.start(element, attributes)
        self._open.append([] if self._elements.keeps(element) else None)
        self._kept = 0

    def _characters(self, text: str) -> None:
        kept = self._open[-1]
        if kept is not None and self._kept < 2 * MAX_TEXT:
            kept.append(text[: 2 * MAX_TEXT])
            self._kept += len(text)

    def _end(self, element: str) -> None:
        self._elements.end(element.rpartition(":")[2], "".join(self._open.pop() or ()))
