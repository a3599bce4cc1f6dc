"""The gateway's secrets: taken from the settings, or the well-known ones of development. Production has no defaults.

One configured secret serves several purposes; each purpose gets its own derived key, so that a value made for one
can never pass as another's.
"""

import hashlib
import hmac
from dataclasses import dataclass
from functools import lru_cache

from pipeline.errors import BadSetting
from pipeline.keys import key_of_hex
from pipeline.settings import GatewaySettings

DEVELOPMENT_SECRET = "development only: not a secret"
DEVELOPMENT_RECEIPT_KEY = "00" * 31 + "01"
LEAST_SECRET = 32
REMEMBERED_KEYS = 1_000


@dataclass(frozen=True, slots=True)
class Keyring:
    """Keys by purpose. `receipt_seed`: 32 bytes of an Ed25519 private key; `retired_receipt_keys`: public ones."""

    upload_tokens: bytes
    request_macs: bytes
    receipt_seed: bytes
    retired_receipt_keys: tuple[bytes, ...]
    redaction: bytes

    def redaction_of(self, project: str) -> bytes:
        """The key of a project's placeholders: equal secrets are linkable within a project, not across."""
        return derive(self.redaction, project)


@lru_cache(REMEMBERED_KEYS)
def derive(secret: bytes, purpose: str) -> bytes:
    """HMAC-SHA256 of the purpose, 32 bytes."""
    return hmac.new(secret, purpose.encode(), hashlib.sha256).digest()


def body_mac(key: bytes, body: bytes) -> bytes:
    """The first 16 bytes of HMAC-SHA256 over a request body as received."""
    return hmac.digest(key, body, hashlib.sha256)[:16]


def open_keyring(settings: GatewaySettings) -> Keyring:
    """The keys that the settings name. Raises BadSetting for what production lacks or what is malformed."""
    if settings.mode == "production":
        _require_production(settings)
    secret = (settings.gateway_secret or DEVELOPMENT_SECRET).encode()
    return Keyring(
        upload_tokens=derive(secret, "upload-token"),
        request_macs=derive(secret, "request-mac"),
        receipt_seed=key_of_hex(settings.receipt_key or DEVELOPMENT_RECEIPT_KEY, "RECEIPT_KEY"),
        retired_receipt_keys=tuple(
            key_of_hex(text, "RETIRED_RECEIPT_KEYS")
            for text in map(str.strip, settings.retired_receipt_keys.split(","))
            if text
        ),
        redaction=derive(secret, "redaction"),
    )


def _require_production(settings: GatewaySettings) -> None:
    if len(settings.gateway_secret) < LEAST_SECRET or settings.gateway_secret == DEVELOPMENT_SECRET:
        raise BadSetting(f"GATEWAY_SECRET: production needs at least {LEAST_SECRET} random characters")
    if not settings.receipt_key or settings.receipt_key == DEVELOPMENT_RECEIPT_KEY:
        raise BadSetting("RECEIPT_KEY: production needs an Ed25519 private key of its own, 32 bytes in hex")
