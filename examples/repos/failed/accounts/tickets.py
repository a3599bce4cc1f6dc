"""Signed login tickets: `<user and expiry in base64>.<signature>`."""

import base64
import hashlib
import hmac

LIFETIME_S = 900


def _sign(body: str, signer: bytes) -> str:
    return hmac.new(signer, body.encode(), hashlib.sha256).hexdigest()


def issue(user: str, now: int, signer: bytes) -> str:
    """A ticket for `user`, good for LIFETIME_S seconds after `now`."""
    body = base64.urlsafe_b64encode(f"{user}:{now + LIFETIME_S}".encode()).decode()
    return f"{body}.{_sign(body, signer)}"


def holder(ticket: str, now: int, signer: bytes) -> str | None:
    """Whom the ticket was issued to, or None if it was altered or is too old."""
    body, _, signature = ticket.partition(".")
    if not hmac.compare_digest(signature, _sign(body, signer)):
        return None
    user, _, expires = base64.urlsafe_b64decode(body).decode().rpartition(":")
    return user if now < int(expires) else None
