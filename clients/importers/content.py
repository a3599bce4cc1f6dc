"""A source's bytes as JSON: bounded, and forgiving where recorders are cut off or write bytes that are no UTF-8."""

import gzip
import io
import json
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from clients.importers.formats import NotThisFormat

GZIP_MAGIC = b"\x1f\x8b"
MAX_BYTES = 256 * 1024 * 1024
DEEPEST = 100
_BOM = "\ufeff"


@dataclass(frozen=True)
class Content:
    """One file. `name` is only for what people read; what it says of itself decides.

    Everything is read once, and each reader gets the same objects: an importer works on its own copy.
    """

    data: bytes
    name: str = ""
    unreadable: list[int] = field(default_factory=list)

    @cached_property
    def plain(self) -> bytes:
        """The bytes without gzip. Raises NotThisFormat where they are broken, or more than is read at once."""
        if not self.data.startswith(GZIP_MAGIC):
            plain = self.data
        else:
            try:
                with gzip.open(io.BytesIO(self.data)) as packed:
                    plain = packed.read(MAX_BYTES + 1)
            except (OSError, EOFError, zlib.error) as error:
                raise NotThisFormat(f"not readable as gzip: {error}") from error
        if len(plain) > MAX_BYTES:
            raise NotThisFormat(f"larger than {MAX_BYTES // 1024**2} MiB: split it, a file is read as a whole")
        return plain

    @cached_property
    def text(self) -> str:
        """What is no UTF-8 became U+FFFD, see `altered`."""
        return self.plain.decode(errors="replace").removeprefix(_BOM)

    @cached_property
    def altered(self) -> int:
        """How many characters of `text` stand for bytes that are no UTF-8."""
        try:
            self.plain.decode()
        except UnicodeDecodeError:
            return self.text.count("\ufffd") - self.plain.count("\ufffd".encode())
        return 0

    @cached_property
    def document(self) -> Any:
        """The whole file as one JSON value. Raises NotThisFormat where it is none."""
        try:
            return _parsed(self.text)
        except RecursionError:
            raise NotThisFormat("not readable as JSON: it is nested too deeply") from None
        except ValueError as error:
            raise NotThisFormat(f"not readable as JSON: {str(error)[:200]}") from error

    @cached_property
    def records(self) -> list[Any]:
        """The JSON values of a file that has one a line, or the items of its array; `unreadable` names bad lines.

        Raises NotThisFormat where there is not even one.
        """
        try:
            document = self.document
        except NotThisFormat:
            found = list(self._lines())
            if not found:
                raise
            return found
        return document if isinstance(document, list) else [document]

    def _lines(self) -> Iterator[Any]:
        """JSON has no raw line feeds within a value; other characters that Python takes for line ends it may have."""
        for number, line in enumerate(self.text.split("\n"), 1):
            if not line.strip():
                continue
            try:
                value = _parsed(line)
            except (ValueError, RecursionError):
                self.unreadable.append(number)
            else:
                yield value


def _parsed(text: str) -> Any:
    """orjson refuses lone surrogates, which recorders do write. Raises ValueError, RecursionError."""
    value = json.loads(text)
    level, depth = [value], 0
    while level:
        level = [item for one in level for item in _items(one) if isinstance(item, dict | list)]
        depth += 1
        if depth > DEEPEST:
            raise RecursionError
    return value


def _items(value: Any) -> Iterable[Any]:
    return value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()


def first_lines(content: Content, most: int = 50) -> list[dict[str, Any]]:
    """The first JSON objects of a file, as far as they are to be looked at to tell its format."""
    try:
        return [record for record in content.records[:most] if isinstance(record, dict)]
    except NotThisFormat:
        return []


def whole(content: Content) -> dict[str, Any]:
    """The file's one JSON object; empty where it is none."""
    try:
        document = content.document
    except NotThisFormat:
        return {}
    return document if isinstance(document, dict) else {}
