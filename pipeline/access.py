"""Who may do what: roles, API keys and revocations, as they stand on the `control` topic. Pure.

A key is 256 random bits, so one fast SHA-256 is all that its hash needs: nobody can try 2^255 keys, whatever a try
costs. A slow password hash would only make every request slow. The fold fails closed: a key whose record cannot be
read opens nothing, and a revocation holds whatever its record says, until a tombstone lifts it.
"""

import hmac
import re
import secrets
from collections.abc import Mapping, MutableMapping
from typing import Literal, get_args

from pipeline.canonical import digest
from schemas.codec import UndecodableRecord, decode
from schemas.records import ApiKeyRecorded

Permission = Literal["write", "read", "read-files", "erase"]
"""write: create traces and refresh their upload tokens; read: traces, events, lists; read-files: artifacts; erase: for
good, traces and whole participants."""
SubjectKind = Literal["trace", "token", "key"]

ROLES: dict[str, frozenset[Permission]] = {
    "writer": frozenset({"write"}),
    "reader": frozenset({"read", "read-files"}),
    "analyst": frozenset({"read"}),
    "operator": frozenset({"write", "read", "read-files", "erase"}),
}
SUBJECT_KINDS: tuple[SubjectKind, ...] = get_args(SubjectKind)
EVERY_PROJECT = "*"
PROJECT = re.compile(r"[A-Za-z0-9_.-]{1,64}")
KEY_KIND, REVOKED_KIND = "key/", "revoked/"
KEY = re.compile(r"prt_([0-9a-f]{12})_[0-9a-f]{64}")


def key_topic_key(key_id: str) -> bytes:
    """Key of an API key's record."""
    return f"{KEY_KIND}{key_id}".encode()


def revocation_topic_key(kind: str, subject: str) -> bytes:
    """Key of a revocation."""
    return f"{REVOKED_KIND}{kind}/{subject}".encode()


def new_key_id() -> str:
    """A public id, 48 random bits in hex."""
    return secrets.token_hex(6)


def new_key(key_id: str, secret: bytes | None = None) -> str:
    """An API key, `prt_<id>_<secret>`; `secret` (32 bytes) is random unless given."""
    return f"prt_{key_id}_{(secret or secrets.token_bytes(32)).hex()}"


def fingerprint(token: str) -> str:
    """`sha256:<hex>` of any bearer token: how it is recorded without being told."""
    return digest(token.encode("utf-8", "surrogateescape"))


def key_record(token: str, keys: Mapping[str, ApiKeyRecorded]) -> ApiKeyRecorded | None:
    """The record of a presented key, revoked or not; None where it is no key of ours. Compares in constant time."""
    shown = KEY.fullmatch(token)
    record = keys.get(shown[1]) if shown else None
    if record is None or not hmac.compare_digest(record.key_hash.encode(), fingerprint(token).encode()):
        return None
    return record


def apply_key(keys: MutableMapping[str, ApiKeyRecorded], key: bytes | None, value: bytes | None) -> None:
    """Fold one record of `control` into key id -> record; other kinds change nothing."""
    name = (key or b"").decode(errors="replace")
    if not name.startswith(KEY_KIND):
        return
    key_id = name.removeprefix(KEY_KIND)
    keys.pop(key_id, None)
    try:
        record = decode(value)
    except UndecodableRecord:
        return
    if isinstance(record, ApiKeyRecorded) and record.key_id == key_id:
        keys[key_id] = record


def apply_revocation(revoked: set[tuple[str, str]], key: bytes | None, value: bytes | None) -> None:
    """Fold one record of `control` into the set of (kind, subject) that are revoked."""
    name = (key or b"").decode(errors="replace")
    if not name.startswith(REVOKED_KIND):
        return
    kind, _, subject = name.removeprefix(REVOKED_KIND).partition("/")
    if value is None:
        revoked.discard((kind, subject))
    else:
        revoked.add((kind, subject))
