"""The Content-Digest of a request (RFC 9530): what came is what was sent, byte for byte, before any decoding. Pure."""

import base64
import binascii
import hashlib
import re
from collections.abc import Sequence

from ingest_gateway.problems import BAD_PARAMETER, DIGEST_MISMATCH, Problem

ALGORITHM = "sha-256"
# A member of a dictionary whose value is a byte sequence (RFC 8941, sections 3.2 and 3.3.5), with parameters.
MEMBER = re.compile(r"[ \t]*([a-z*][a-z0-9_.*-]*)=:([A-Za-z0-9+/]*={0,2}):(?:;[^,]*)?[ \t]*", re.ASCII)


def said_digest(fields: Sequence[str]) -> bytes | None:
    """The SHA-256 that the header says; None where it is absent or of other algorithms only. Raises Problem."""
    if not fields:
        return None
    members = [MEMBER.fullmatch(member) for member in ",".join(fields).split(",")]
    said = {member[1]: _bytes(member[2]) for member in members if member}
    if None in members or len(said.get(ALGORITHM, b"\0" * 32)) != hashlib.sha256().digest_size:
        raise _malformed()
    return said.get(ALGORITHM)


def _bytes(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        raise _malformed() from None


def _malformed() -> Problem:
    return Problem(BAD_PARAMETER, "Content-Digest should be like sha-256=:<base64 of 32 bytes>:")


class ContentDigest:
    """Takes the content piece by piece; without a header it costs nothing. Making it raises Problem."""

    def __init__(self, fields: Sequence[str]) -> None:
        self._said = said_digest(fields)
        self._sha256 = None if self._said is None else hashlib.sha256()

    def feed(self, piece: bytes) -> None:
        """The next bytes as they came."""
        if self._sha256 is not None:
            self._sha256.update(piece)

    def check(self) -> None:
        """Raises Problem where the whole content is another than the header says."""
        if self._sha256 is not None and self._sha256.digest() != self._said:
            raise Problem(DIGEST_MISMATCH, "what came does not have the SHA-256 that Content-Digest says")
