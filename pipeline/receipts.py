"""Receipts and the public keys that check them: what is published, and what a receipt proves. Pure; no clock, no net.

A key's id is computed from the key, never believed: a document that calls a key by another name changes nothing.
"""

import base64
import binascii
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from pipeline.canonical import dumps

PATH = "/.well-known/pr-telemetry-receipt-keys.json"
TEXTS, NUMBERS = ("chunk_digest", "topic", "trace_id"), ("chunk_seq", "offset", "partition", "received_at_us")
KEY_BYTES = 32


class BadKeys(ValueError):
    """The text is no document of public keys."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a receipt holds, and in words what that does and does not show."""

    holds: bool
    text: str


def key_id(public_key: bytes) -> str:
    """First 16 hex digits of SHA-256 of the public key."""
    return hashlib.sha256(public_key).hexdigest()[:16]


def published(current: bytes, retired: Iterable[bytes]) -> dict[str, list[dict[str, str]]]:
    """The keys as a JWK Set (RFC 7517, RFC 8037), the one that signs now first. `status` is a member of ours."""
    return {"keys": [_jwk(current, "current"), *(_jwk(key, "retired") for key in retired if key != current)]}


def _jwk(public_key: bytes, status: str) -> dict[str, str]:
    x = base64.urlsafe_b64encode(public_key).rstrip(b"=").decode()
    names = {"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig"}
    return {**names, "kid": key_id(public_key), "x": x, "status": status}


def read_keys(document: Any) -> dict[str, bytes]:
    """Key id -> Ed25519 public key, of a JWK Set; keys of other types are passed over. Raises BadKeys."""
    try:
        wanted = [key["x"] for key in document["keys"] if (key.get("kty"), key.get("crv")) == ("OKP", "Ed25519")]
        keys = [base64.urlsafe_b64decode(x + "=" * (-len(x) % 4)) for x in wanted]
    except (LookupError, TypeError, AttributeError, binascii.Error) as error:
        raise BadKeys(f"this is no JWK Set: {error!r}") from None
    if not keys or any(len(key) != KEY_BYTES for key in keys):
        raise BadKeys("there is no Ed25519 key of 32 bytes in it")
    return {key_id(key): key for key in keys}


def check(receipt: Any, keys: Mapping[str, bytes]) -> Verdict:
    """What a receipt proves to somebody who trusts these keys."""
    try:
        statement, signer, signature = _parts(receipt)
    except (LookupError, TypeError, ValueError) as error:
        return Verdict(False, f"NOT PROVEN: this is no whole receipt: {error}")
    public_key = keys.get(signer)
    if public_key is None:
        known = ", ".join(sorted(keys))
        return Verdict(False, f"NOT PROVEN: it names the key {signer[:64]!r}, which is not among those given: {known}")
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, dumps(statement))
    except InvalidSignature:
        return Verdict(False, f"NOT PROVEN: the key {signer} did not sign this; something in the receipt was altered")
    return Verdict(True, _words(statement, signer))


def _parts(receipt: Any) -> tuple[dict[str, Any], str, bytes]:
    if not isinstance(receipt, dict):
        raise TypeError("a receipt is a JSON object")
    missing = sorted({*TEXTS, *NUMBERS, "key_id", "signature"} - receipt.keys())
    if missing:
        raise LookupError(f"it lacks {', '.join(missing)}")
    for names, kind in (((*TEXTS, "key_id", "signature"), str), (NUMBERS, int)):
        if wrong := [name for name in names if type(receipt[name]) is not kind]:
            raise TypeError(f"{', '.join(wrong)} should be {'text' if kind is str else 'an integer'}")
    if any(not 0 <= receipt[name] < 2**53 for name in NUMBERS):
        raise ValueError("a number is out of range")
    statement = {name: receipt[name] for name in (*TEXTS, *NUMBERS)}
    statement_text = "".join(receipt[name] for name in TEXTS)
    if not statement_text.isascii():
        raise ValueError("a text is not ASCII")
    return statement, receipt["key_id"], base64.b64decode(receipt["signature"], validate=True)


def _words(statement: Mapping[str, Any], signer: str) -> str:
    at = datetime.fromtimestamp(statement["received_at_us"] / 1e6, UTC).isoformat()
    return (
        f"PROVEN: the holder of key {signer} states that chunk {statement['chunk_seq']} of {statement['trace_id']},"
        f" with the digest {statement['chunk_digest']}, stands in the log at {statement['topic']}"
        f" partition {statement['partition']} offset {statement['offset']} and was received at {at}.\n"
        "It holds against anybody without that private key. It does not show whether the chunk is still there (the"
        " trace's integrity does), nor what it said (its digest does, to who has the stored events). The counts of"
        " events and redactions, and `late`, are not signed."
    )
