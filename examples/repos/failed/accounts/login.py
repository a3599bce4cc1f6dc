"""Who a request comes from."""

from accounts.cookies import parse_cookies
from accounts.tickets import holder, issue

COOKIE = "login"


def log_in(user: str, now: int, signer: bytes) -> str:
    """The cookie that keeps `user` logged in."""
    return f"{COOKIE}={issue(user.strip(), now, signer)}"


def current_user(cookie_header: str, now: int, signer: bytes) -> str | None:
    """The user whom the cookies of a request identify, or None."""
    ticket = parse_cookies(cookie_header).get(COOKIE)
    return holder(ticket, now, signer) if ticket else None
