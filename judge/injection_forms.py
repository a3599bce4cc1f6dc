"""The forms in which a reader may understand a text: as it stands, and decoded from what might hide words. Pure.

Each form knows for every character where in the text it came from, so that what is found in it can be withheld there.
Every form takes time and memory in proportion to the text; what is decoded is decoded again at most DEPTH times.
"""

import base64
import binascii
import html
import re
import unicodedata
import zlib
from collections.abc import Callable, Iterator, Sequence
from functools import cache, cached_property

from judge.injection_rules import Span

DEPTH = 2
MOST_UNPACKED = 65_536
LEAST_READABLE = 0.85
"""Part of the characters that must be printable for bytes to count as text."""


class Form:
    """A text as it may be read, and for each of its characters the span in the original that it came from.

    The spans are worked out when somebody asks: nearly always nobody does. `origin` gives them; None: the same places.
    """

    def __init__(self, name: str, text: str, origin: Callable[[], Sequence[Span]] | None = None) -> None:
        self.name, self.text, self._origin = name, text, origin

    @cached_property
    def places(self) -> Sequence[Span]:
        return self._origin() if self._origin else [(n, n + 1) for n in range(len(self.text))]

    def span(self, start: int, end: int) -> Span:
        """Where in the original text characters `start` to `end` of this form came from; at least one character."""
        if self._origin is None:
            return start, end
        touched = self.places[start:end]
        return min(first for first, _ in touched), max(last for _, last in touched)

    def rewritten(self, name: str, pattern: re.Pattern[str], by: Callable[[re.Match[str]], str]) -> "Form":
        """This form with each match replaced; the new characters came from the whole match."""
        text, changes = pattern.subn(by, self.text)
        return Form(self._named(name), text, lambda: self._rewritten(pattern, by)) if changes else self

    def mapped(self, name: str, text: str) -> "Form":
        """The same places with other characters, as many."""
        return Form(self._named(name), text, (lambda: self.places) if self._origin else None)

    def backwards(self) -> "Form":
        return Form(self._named("reversed"), self.text[::-1], lambda: self.places[::-1])

    def piece(self, name: str, start: int, end: int, text: str) -> "Form":
        """What a stretch of this form says when it is decoded."""
        return Form(self._named(name), text, lambda: [self.span(start, end)] * len(text))

    def _rewritten(self, pattern: re.Pattern[str], by: Callable[[re.Match[str]], str]) -> list[Span]:
        places: list[Span] = []
        done = 0
        for match in pattern.finditer(self.text):
            places += self.places[done : match.start()]
            # What is put between two characters came from the first of them.
            places += [self.span(min(match.start(), match.end() - 1), match.end())] * len(by(match))
            done = match.end()
        return places + list(self.places[done:])

    def _named(self, name: str) -> str:
        return "/".join(filter(None, (self.name, name)))


def forms(text: str) -> Iterator[Form]:
    """All forms of a text; the first is the text itself, as a person reads it."""
    yield from _forms(_visible(Form("", text)), DEPTH)


def lowered(text: str) -> str:
    """The text in lower case, with every character in its place."""
    if len(low := text.lower()) == len(text):
        return low
    return "".join(small if len(small := char.lower()) == 1 else char for char in text)


def _forms(plain: Form, depth: int) -> Iterator[Form]:
    yield plain
    if not plain.text.isascii() and (alike := plain.text.translate(_look_alikes())) != plain.text:
        yield plain.mapped("look-alikes", alike)
    unescaped = plain.rewritten("escapes", _ESCAPES, _unescaped)
    if unescaped is not plain:
        yield unescaped
    lines = unescaped.rewritten("lines", _LINE_START, lambda _: " ").rewritten("", _CONCATENATION, lambda _: "")
    if lines is not unescaped:
        yield lines
    names = unescaped.rewritten("names", _IN_NAMES, lambda _: " ")
    if names is not unescaped:
        yield names
    yield plain.mapped("rot13", plain.text.translate(_ROT13))
    yield plain.backwards()
    if (leet := _LEET_WORD.sub(_unleeted, plain.text)) != plain.text:
        yield plain.mapped("leet", leet)
    if depth:
        glued = plain.rewritten("", _LINE_START, lambda _: "").rewritten("", _CONCATENATION, lambda _: "")
        seen: set[str] = set()
        for source in (plain, glued) if glued is not plain else (plain,):
            for piece in _pieces(source):
                if piece.text not in seen:
                    seen.add(piece.text)
                    yield from _forms(_visible(piece), depth - 1)


def _visible(form: Form) -> Form:
    """Without characters that nobody sees, others as the plain ones that they look like; ASCII is itself already."""
    if form.text.isascii():
        return form
    return form.rewritten("", _NOT_ASCII, lambda run: "".join(map(_folded, run[0])) if len(run[0]) == 1 else run[0])


@cache
def _folded(char: str) -> str:
    code = ord(char)
    if 0xE0020 <= code <= 0xE007E:  # tags: ASCII that is never drawn
        return chr(code - 0xE0000)
    if unicodedata.category(char) in {"Cf", "Cc", "Co", "Cn"} or _DRAWN_OVER.match(char):
        return ""
    plain = unicodedata.normalize("NFKC", char)
    base = unicodedata.normalize("NFD", plain)[0]
    return base if base.isascii() and base.isalpha() and len(plain) == 1 else plain


# One character a match, so that each keeps its own place.
_NOT_ASCII = re.compile(r"[^\x00-\x7f]")
_DRAWN_OVER = re.compile(
    "[\u0300-\u036f\u064b-\u0652\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe00-\ufe0f\ufe20-\ufe2f]"
)
_ROT13 = str.maketrans(
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ", "nopqrstuvwxyzabcdefghijklmNOPQRSTUVWXYZABCDEFGHIJKLM"
)
_LEET = str.maketrans("01345678@$!", "oieasgtbasi")
_LEET_WORD = re.compile(r"[A-Za-z0-9@$!]+")


def _unleeted(word: re.Match[str]) -> str:
    """A word of letters and digits mixed, read as letters; numbers stay."""
    return word[0].translate(_LEET) if any(map(str.isalpha, word[0])) else word[0]


# The end of a line and what begins the next one: indentation, the sign of a diff, the mark of a comment or a quote.
_LINE_START = re.compile(
    r"[ \t]*\\?\n[ \t]*(?:[+\-][ \t]*)?(?:(?:#+|//+|/?\*+|--|;+|%+|>+|\||<!--|\"\"\"|''')[ \t]*)?|[ \t]*\*/[ \t]*"
)
_CONCATENATION = re.compile(r"""["'][ \t]*[+.,|\\]?[ \t]*["']""")
_IN_NAMES = re.compile(r"(?<=[A-Za-z0-9])[_\-.]+(?=[A-Za-z0-9])|(?<=[a-z])(?=[A-Z])|(?<=[A-Za-z])(?=[0-9]\b)")
_ESCAPES = re.compile(
    r"\\u\{?[0-9A-Fa-f]{4,6}\}?|\\x[0-9A-Fa-f]{2}|\\[nrt]|%[2-7][0-9A-Fa-f]|=[2-7][0-9A-F](?=[=A-Za-z0-9])"
    r"|&(?:#x?[0-9A-Fa-f]{1,6}|[a-z]{2,8});"
)


def _unescaped(escape: re.Match[str]) -> str:
    said = escape[0]
    if said[0] == "&":
        return html.unescape(said)
    if said in {r"\n", r"\r", r"\t"}:
        return " "
    code = int(said.strip("\\ux{}%="), 16)
    return chr(code) if code < 0x110000 and not 0xD800 <= code < 0xE000 else ""


def _pieces(form: Form) -> Iterator[Form]:
    """What stretches of the form say when they are decoded, where that is text."""
    for name, (pattern, decode) in DECODERS.items():
        for match in pattern.finditer(form.text):
            try:
                said = decode(match[0])
            except (ValueError, binascii.Error, OverflowError, zlib.error, OSError, EOFError):
                continue
            if said and _readable(said):
                yield form.piece(name, match.start(), match.end(), said)


def _readable(text: str) -> bool:
    drawn = sum(char.isprintable() or char in "\n\t\r" for char in text)
    return drawn >= LEAST_READABLE * len(text)


def _text(data: bytes) -> str:
    if data[:2] == b"\x1f\x8b" or data[:1] == b"\x78":
        data = _unpacked(data)
    if data[1:8:2] == b"\0\0\0\0":
        return data.decode("utf-16-le")
    return data.decode()


def _unpacked(data: bytes) -> bytes:
    try:
        return zlib.decompressobj(zlib.MAX_WBITS | 32).decompress(data, MOST_UNPACKED)
    except zlib.error:
        return data


def _base64(run: str) -> str:
    body = run.rstrip("=").replace("-", "+").replace("_", "/")
    # A run may have swallowed up to three characters of what follows it.
    body = body[: len(body) - 1] if len(body) % 4 == 1 else body
    return _text(base64.b64decode(body + "=" * (-len(body) % 4), validate=True))


def _base32(run: str) -> str:
    body = run.rstrip("=")
    return _text(base64.b32decode(body + "=" * (-len(body) % 8)))


def _numbers(run: str, base: int) -> str:
    return bytes(int(number, base) for number in re.findall(r"[0-9]+", run)).decode()


def _spaced(run: str) -> str:
    """Letters with a separator after each; where the separator is a space, several of them are a space."""
    separator = run[1]
    return (
        re.sub(rf"(?<=\S){re.escape(separator)}(?=\S)", "", run)
        if separator != " "
        else re.sub(r" {2,}|(?<=\S) (?=\S)", lambda gap: " " if len(gap[0]) > 1 else "", run)
    )


_CODES = (
    ".- -... -.-. -.. . ..-. --. .... .. .--- -.- .-.. -- -. --- .--. --.- .-. ... - ..- ...- .-- -..- -.-- --.. "
    "----- .---- ..--- ...-- ....- ..... -.... --... ---.. ----."
)
_MORSE = dict(zip(_CODES.split(" "), "abcdefghijklmnopqrstuvwxyz0123456789", strict=True))


def _morse(run: str) -> str:
    words = re.split(r" */ *| {2,}", run.strip())
    return " ".join("".join(_MORSE.get(letter, "?") for letter in word.split()) for word in words)


DECODERS: dict[str, tuple[re.Pattern[str], Callable[[str], str]]] = {
    "base64": (re.compile(r"(?:[A-Za-z0-9+/]{16,}|[A-Za-z0-9_\-]{16,})={0,2}"), _base64),
    "base32": (re.compile(r"\b[A-Z2-7]{24,}={0,6}"), _base32),
    "base85": (re.compile(r"<~[!-u\s]{16,}?~>"), lambda run: _text(base64.a85decode(run, adobe=True))),
    "hex": (
        re.compile(r"\b(?:(?:0x)?[0-9A-Fa-f]{2}[ :,]{0,2}){10,}"),
        lambda run: _text(bytes.fromhex(re.sub(r"0x|[^0-9A-Fa-fx]", "", run))),
    ),
    "decimal": (re.compile(r"\b(?:[0-9]{2,3}[ ,;]{1,2}){10,}[0-9]{2,3}\b"), lambda run: _numbers(run, 10)),
    "binary": (re.compile(r"\b(?:[01]{7,8}[ ,]?){10,}"), lambda run: _numbers(run, 2)),
    "morse": (re.compile(r"(?:[.\-]{1,5}(?: ?/ ?| {1,3})){12,}[.\-]{1,5}"), _morse),
    "spaced": (re.compile(r"(?<![^\s\"'])(?:[A-Za-z0-9](?:[ .\-_*|/,]| {2,3})){9,}[A-Za-z0-9](?!\w)"), _spaced),
}


@cache
def _look_alikes() -> dict[int, int]:
    return str.maketrans(
        "АВЕКМНОРСТУХаеорсухіјѕԁԛԝһӏүΑΒΕΖΗΙΚΜΝΟΡΤΥΧαεικνορτυχωɑɡɩıʟɴʀꜱᴀᴄᴅᴇᴊᴋᴍᴏᴘᴛᴜᴠᴡᴢƽбցո",
        "ABEKMHOPCTYXaeopcyxijsdqwhlyABEZHIKMNOPTYXaeiknoptuxwagiilnrsacdejkmoptuvwz56gn",
    )
