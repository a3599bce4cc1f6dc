"""Signed notes: a text with signature lines, and the keys that sign and check them. Pure.

Format: https://c2sp.org/signed-note. Two kinds of Ed25519 signature are known: of the text itself (0x01), and of the
text with a time (0x04, https://c2sp.org/tlog-cosignature). Others are passed over, as the format wants it.
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

PLAIN, TIMED = b"\x01", b"\x04"
LARGEST = 65_536
MOST_SIGNATURES = 64
KEY_ID_BYTES, TIME_BYTES, KEY_BYTES = 4, 8, 32
# Names have neither spaces nor a plus; that of an origin stands on a line of its own, too.
NAME = re.compile(r"[^\s+\x00-\x1f\x7f]+")
SIGNATURE_LINE = re.compile(r"— (\S+) (\S+)")


class BadNote(ValueError):
    """The text is no note, or nobody whose key is known has signed it."""


class BadVerifierKey(ValueError):
    """The text is no verifier key of ours."""


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature line."""

    name: str
    key_id: bytes
    signature: bytes


@dataclass(frozen=True, slots=True)
class Note:
    """A note whose signatures nobody has checked yet. `text` ends with a newline."""

    text: str
    signatures: tuple[Signature, ...]


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """Whose Ed25519 signatures are believed."""

    name: str
    public_key: bytes

    def key_id(self, kind: bytes = PLAIN) -> bytes:
        """SHA-256(name || 0x0A || kind || public key)[:4]."""
        return hashlib.sha256(self.name.encode() + b"\n" + kind + self.public_key).digest()[:KEY_ID_BYTES]

    def __str__(self) -> str:
        """As a vkey: `<name>+<key id in hex>+<base64 of kind and key>`."""
        return f"{self.name}+{self.key_id().hex()}+{base64.b64encode(PLAIN + self.public_key).decode()}"

    def verify(self, signature: bytes, message: bytes) -> bool:
        """Whether the holder of the private key signed these bytes."""
        try:
            Ed25519PublicKey.from_public_bytes(self.public_key).verify(signature, message)
        except InvalidSignature:
            return False
        return True


def read_verifier_key(text: str) -> VerifierKey:
    """The key that a vkey spells. Raises BadVerifierKey; a key id that is not the key's own is refused, too."""
    name, _, rest = text.strip().partition("+")
    key_id, _, material = rest.partition("+")
    try:
        content = _base64(material)
    except BadNote:
        content = b""
    key = VerifierKey(name, content[1:])
    whole = NAME.fullmatch(name) and content[:1] == PLAIN and len(content) == 1 + KEY_BYTES
    if not whole or key.key_id().hex() != key_id:
        raise BadVerifierKey(f"this is no Ed25519 verifier key (name+id+base64): {text[:80]!r}")
    return key


def timed_message(time_s: int, text: str) -> bytes:
    """What a signature with a time is over; its first line keeps it apart from every note."""
    return f"cosignature/v1\ntime {time_s}\n{text}".encode()


class NoteSigner:
    """Signs notes under a name with an Ed25519 key of 32 bytes."""

    def __init__(self, name: str, seed: bytes) -> None:
        if not NAME.fullmatch(name):
            raise ValueError(f"no name of a key: {name!r}")
        self._key = Ed25519PrivateKey.from_private_bytes(seed)
        self.verifier = VerifierKey(name, self._key.public_key().public_bytes_raw())

    def renamed(self, name: str) -> "NoteSigner":
        """The same key under another name."""
        return NoteSigner(name, self._key.private_bytes_raw())

    def sign(self, text: str, time_s: int | None = None) -> str:
        """The note: the text with our signature, and with a time, seconds since the epoch, a second one over both."""
        made = [(PLAIN, self._key.sign(text.encode()))]
        if time_s is not None:
            timed = self._key.sign(timed_message(time_s, text))
            made.append((TIMED, time_s.to_bytes(TIME_BYTES, "big") + timed))
        return text + "\n" + "".join(self._line(kind, signature) for kind, signature in made)

    def _line(self, kind: bytes, signature: bytes) -> str:
        content = base64.b64encode(self.verifier.key_id(kind) + signature).decode()
        return f"— {self.verifier.name} {content}\n"


def parse(note: str) -> Note:
    """The parts of a note, nothing of which may be believed yet. Raises BadNote."""
    if len(note) > LARGEST or re.search(r"[\x00-\x09\x0b-\x1f]", note):
        raise BadNote("a note is a text of lines, not longer than 64 KiB")
    text, separator, lines = note.rpartition("\n\n")
    if not separator or not lines.endswith("\n"):
        raise BadNote("a note is a text, an empty line, and lines of signatures")
    signatures = tuple(map(_signature, lines.removesuffix("\n").split("\n")))
    if len(signatures) > MOST_SIGNATURES:
        raise BadNote(f"more than {MOST_SIGNATURES} signatures")
    return Note(text + "\n", signatures)


def _signature(line: str) -> Signature:
    match = SIGNATURE_LINE.fullmatch(line)
    if not match or not NAME.fullmatch(match[1]):
        raise BadNote(f"this is no signature line: {line[:80]!r}")
    content = _base64(match[2])
    if len(content) <= KEY_ID_BYTES:
        raise BadNote("a signature is too short")
    return Signature(match[1], content[:KEY_ID_BYTES], content[KEY_ID_BYTES:])


def _base64(text: str) -> bytes:
    """The bytes; one spelling only, so that nobody can alter a note without altering what it says."""
    try:
        content = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        content = b""
    if not content or base64.b64encode(content).decode() != text:
        raise BadNote(f"this is no base64: {text[:80]!r}")
    return content


@dataclass(frozen=True, slots=True)
class Opened:
    """What a known key signed, and when it says it did; None where it gave no time."""

    text: str
    key: VerifierKey
    time_s: int | None


def open_note(note: str, keys: Iterable[VerifierKey]) -> Opened:
    """The note's text, signed by one of these keys. Raises BadNote; one wrong signature of a known key condemns it."""
    parsed = parse(note)
    signers: list[VerifierKey] = []
    times: list[int] = []
    for signature in parsed.signatures:
        for key in (key for key in keys if key.name == signature.name):
            if signature.key_id == key.key_id(PLAIN):
                _require(key, signature.signature, parsed.text.encode())
                signers.append(key)
            elif signature.key_id == key.key_id(TIMED):
                times.append(_time_of(key, signature.signature, parsed.text))
    if not signers:
        raise BadNote("none of the known keys has signed this")
    return Opened(parsed.text, signers[0], min(times, default=None))


def _require(key: VerifierKey, signature: bytes, message: bytes) -> None:
    if not key.verify(signature, message):
        raise BadNote(f"the signature of {key.name} does not fit")


def _time_of(key: VerifierKey, signature: bytes, text: str) -> int:
    time_s = int.from_bytes(signature[:TIME_BYTES], "big")
    _require(key, signature[TIME_BYTES:], timed_message(time_s, text))
    return time_s
