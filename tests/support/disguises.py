"""How instructions are hidden in a text, and how a reader who falls for everything reads them again.

Written apart from judge/injection_forms.py: the readers here are what the corpus is tested against.
"""

from __future__ import annotations

import base64
import codecs
import gzip
import html
import re
import unicodedata
import urllib.parse
from collections.abc import Callable, Iterator

CYRILLIC = "\u0430\u0441\u0435\u0456\u043e\u0440\u0455\u0445\u0443"
CYRILLIC += "\u0410\u0412\u0421\u0415\u041d\u041a\u041c\u041e\u0420\u0422\u0425"
ALIKE = dict(zip("aceiopsxyABCEHKMOPTX", CYRILLIC, strict=True))
PLAIN = {other: letter for letter, other in ALIKE.items()}
LEET = str.maketrans("aeiost", "431057")
CODES = (
    ".- -... -.-. -.. . ..-. --. .... .. .--- -.- .-.. -- -. --- .--. --.- .-. ... - ..- ...- .-- -..- -.-- --.. "
    "----- .---- ..--- ...-- ....- ..... -.... --... ---.. ----."
)
MORSE = dict(zip("abcdefghijklmnopqrstuvwxyz0123456789", CODES.split(" "), strict=True))


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _wrapped(text: str, width: int = 40) -> str:
    run = _b64(text.encode())
    return "\n# ".join(run[start : start + width] for start in range(0, len(run), width))


def _commented(text: str) -> str:
    words = text.split()
    return "# " + "\n# ".join(" ".join(words[start : start + 3]) for start in range(0, len(words), 3))


def _concatenated(text: str) -> str:
    return " + ".join(f'"{text[start : start + 5]}"' for start in range(0, len(text), 5))


def _morse(text: str) -> str:
    words = re.findall(r"\w+", text.lower())
    return " / ".join(" ".join(MORSE[letter] for letter in word) for word in words)


HIDE: dict[str, Callable[[str], str]] = {
    "plain": lambda text: text,
    "base64": lambda text: _b64(text.encode()),
    "base64-twice": lambda text: _b64(_b64(text.encode()).encode()),
    "base64-in-comments": lambda text: "# " + _wrapped(text),
    "base64-gzip": lambda text: _b64(gzip.compress(text.encode(), mtime=0)),
    "base64-utf16": lambda text: _b64(text.encode("utf-16-le")),
    "base64-rot13": lambda text: _b64(codecs.encode(text, "rot13").encode()),
    "base32": lambda text: base64.b32encode(text.encode()).decode(),
    "base85": lambda text: base64.a85encode(text.encode(), adobe=True).decode(),
    "hex": lambda text: text.encode().hex(),
    "hex-spaced": lambda text: text.encode().hex(" "),
    "decimal": lambda text: " ".join(map(str, text.encode())),
    "binary": lambda text: " ".join(f"{byte:08b}" for byte in text.encode()),
    "morse": _morse,
    "rot13": lambda text: codecs.encode(text, "rot13"),
    "reversed": lambda text: text[::-1],
    "leet": lambda text: text.translate(LEET),
    "spaced": lambda text: "   ".join(" ".join(word) for word in text.split()),
    "zero-width": lambda text: "\u200b".join(text),
    "soft-hyphens": lambda text: "\u00ad".join(text),
    "bidi": lambda text: f"\u202e{text[::-1]}\u202c",
    "tags": lambda text: "".join(chr(0xE0000 + ord(char)) for char in text),
    "look-alikes": lambda text: "".join(ALIKE.get(char, char) for char in text),
    "full-width": lambda text: "".join(chr(ord(char) + 0xFEE0) if "!" <= char <= "~" else char for char in text),
    "bold": lambda text: "".join(
        chr(0x1D41A + ord(char) - 97) if "a" <= char <= "z" else chr(0x1D400 + ord(char) - 65) if "A" <= char <= "Z"
        else char for char in text
    ),
    "combining": lambda text: "\u0335".join(text),
    "url": lambda text: urllib.parse.quote(text).replace("e", "%65"),
    "html": lambda text: "".join(f"&#{ord(char)};" for char in text),
    "unicode-escapes": lambda text: "".join(f"\\u{ord(char):04x}" for char in text),
    "hex-escapes": lambda text: "".join(f"\\x{ord(char):02x}" for char in text),
    "comments": _commented,
    "concatenation": _concatenated,
    "snake-case": lambda text: re.sub(r"\W+", "_", text.lower()).strip("_"),
    "camel-case": lambda text: "".join(word.capitalize() for word in re.findall(r"\w+", text)),
}  # fmt: skip


def readings(text: str, depth: int = 2) -> Iterator[str]:
    """Everything that a text says to somebody who tries everything."""
    plain = "".join(_seen(char) for char in text)
    alike = "".join(PLAIN.get(char, char) for char in plain)
    yield from _readings(plain, depth)
    if alike != plain:
        yield from _readings(alike, depth)


def _readings(seen: str, depth: int) -> Iterator[str]:
    escaped = re.sub(r"\\u([0-9a-f]{4})|\\x([0-9a-f]{2})", lambda m: chr(int(m[1] or m[2], 16)), seen)
    yield from dict.fromkeys((seen, html.unescape(seen), urllib.parse.unquote(seen), escaped))
    yield re.sub(r"\s*\n[\s+#/*>-]*", " ", seen)
    yield re.sub(r'"\s*\+?\s*"', "", seen)
    yield re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[a-zA-Z])(?=[0-9])|_+", " ", seen)
    yield codecs.encode(seen, "rot13")
    yield seen[::-1]
    yield re.sub(r"[A-Za-z0-9]*[A-Za-z][A-Za-z0-9]*", lambda m: m[0].translate(str.maketrans("431057", "aeiost")), seen)
    yield re.sub(r"\b(\w)(?: (?=\w\b))", r"\1", seen)
    if depth:
        for said in _decoded(seen):
            yield from readings(said, depth - 1)


def _seen(char: str) -> str:
    if 0xE0000 <= ord(char) < 0xE0080:
        return chr(ord(char) - 0xE0000)
    if unicodedata.category(char) == "Cf" or "\u0300" <= char <= "\u036f":
        return ""
    return unicodedata.normalize("NFKC", char)


def _decoded(text: str) -> Iterator[str]:
    glued = re.sub(r"\n[ +#/*>-]*", "", text)
    for run in {*re.findall(r"[A-Za-z0-9+/]{16,}=*", text), *re.findall(r"[A-Za-z0-9+/]{16,}=*", glued)}:
        for start in range(4):
            data = _bytes(lambda run=run, start=start: base64.b64decode(run[start:] + "==="))  # type: ignore[misc]
            yield from _as_text(data)
    for run in re.findall(r"[A-Z2-7]{24,}=*", text):
        yield from _as_text(_bytes(lambda run=run: base64.b32decode(run)))  # type: ignore[misc]
    for run in re.findall(r"<~.+?~>", text, re.DOTALL):
        yield from _as_text(_bytes(lambda run=run: base64.a85decode(run, adobe=True)))  # type: ignore[misc]
    for run in re.findall(r"(?:[0-9a-f]{2} ?){10,}", text):
        yield from _as_text(_bytes(lambda run=run: bytes.fromhex(run)))  # type: ignore[misc]
    for run in re.findall(r"(?:\d{2,3} ){9,}\d{2,3}", text):
        yield from _as_text(_bytes(lambda run=run: bytes(map(int, run.split()))))  # type: ignore[misc]
    for run in re.findall(r"(?:[01]{8} ?){9,}", text):
        yield from _as_text(_bytes(lambda run=run: bytes(int(one, 2) for one in run.split())))  # type: ignore[misc]
    letters = {code: letter for letter, code in MORSE.items()}
    for run in re.findall(r"(?:[.-]+ (?:/ )?){9,}[.-]+", text):
        yield " ".join("".join(letters.get(one, "?") for one in word.split()) for word in run.split("/"))


def _bytes(decode: Callable[[], bytes]) -> bytes:
    try:
        return decode()
    except ValueError:
        return b""


def _as_text(data: bytes) -> Iterator[str]:
    if data[:2] == b"\x1f\x8b":
        data = gzip.decompress(data)
    for encoding in ("utf-16-le", "utf-8") if b"\0" in data else ("utf-8",):
        said = data.decode(encoding, "ignore")
        if said and sum(char.isprintable() or char.isspace() for char in said) > 0.9 * len(said):
            yield said
