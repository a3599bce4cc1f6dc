"""The placeholder that stands where a secret was. Equal secrets of one project get equal placeholders."""

import hashlib
import hmac
import re

PLACEHOLDER = re.compile(r"\[REDACTED:[a-z0-9-]+:[0-9a-f]{8}\]")


def placeholder(rule: str, secret: str | bytes, key: bytes) -> str:
    """`[REDACTED:<rule>:<first 8 hex digits of HMAC-SHA256>]`; without the key the hash tells nothing."""
    content = secret.encode() if isinstance(secret, str) else secret
    return f"[REDACTED:{rule}:{hmac.new(key, content, hashlib.sha256).hexdigest()[:8]}]"
