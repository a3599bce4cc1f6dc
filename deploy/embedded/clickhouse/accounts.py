"""Who may ask: one administrator, one analyst when it has a password, and analysts of some projects (pure)."""

from __future__ import annotations

import base64
import binascii
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass

from deploy.embedded.clickhouse.failures import Failure, failure
from pipeline.access import PROJECT
from pipeline.errors import BadSetting

ADMINISTRATOR = "default"
ANALYST = "analyst"
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}")


@dataclass(frozen=True)
class Account:
    """A user of the server. An empty password is accepted only from who sends none. No `projects`: all of them."""

    name: str
    password: str
    read_only: bool
    projects: tuple[str, ...] = ()


def accounts(administrator_password: str, analyst_password: str, of_projects: str = "") -> dict[str, Account]:
    """The accounts by name; without a password for it there is no analyst.

    `of_projects`: further analysts, `name:password:project+project`, comma-separated. Raises BadSetting.
    """
    known = {ADMINISTRATOR: Account(ADMINISTRATOR, administrator_password, read_only=False)}
    if analyst_password:
        known[ANALYST] = Account(ANALYST, analyst_password, read_only=True)
    for number, entry in enumerate(filter(None, of_projects.split(",")), 1):
        account = _of_projects(entry.strip(), number)
        if account.name in (ADMINISTRATOR, ANALYST, *known):
            raise BadSetting(f"Bad setting. CLICKHOUSE_ANALYSTS: {account.name} is there twice; name another analyst")
        known[account.name] = account
    return known


def _of_projects(entry: str, number: int) -> Account:
    name, _, rest = entry.partition(":")
    password, _, projects = rest.rpartition(":")
    named = tuple(projects.split("+"))
    if not (password and _NAME.fullmatch(name) and all(map(PROJECT.fullmatch, named))):
        raise BadSetting(
            f"Bad setting. CLICKHOUSE_ANALYSTS: entry {number} is not name:password:project+project, where a name and a"
            " project are letters, digits and _ . -"
        )
    return Account(name, password, read_only=True, projects=named)


def authenticate(known: Mapping[str, Account], headers: Mapping[str, str], parameters: Mapping[str, str]) -> Account:
    """The account that the request proves to be; `headers` has lower-case names. Raises Failure (516, HTTP 403)."""
    name, password = _credentials(headers, parameters)
    account = known.get(name)
    if account is None or not hmac.compare_digest(account.password.encode(), password.encode()):
        raise failure(
            "AUTHENTICATION_FAILED",
            f"{name}: Authentication failed: password is incorrect, or there is no user with such name.",
        )
    return account


def _credentials(headers: Mapping[str, str], parameters: Mapping[str, str]) -> tuple[str, str]:
    authorization = headers.get("authorization")
    if authorization is not None:
        return _basic(authorization)
    if "x-clickhouse-user" in headers or "x-clickhouse-key" in headers:
        return headers.get("x-clickhouse-user", ADMINISTRATOR), headers.get("x-clickhouse-key", "")
    return parameters.get("user", ADMINISTRATOR), parameters.get("password", "")


def _basic(authorization: str) -> tuple[str, str]:
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() != "basic":
        raise _unreadable()
    try:
        name, _, password = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError) as problem:
        raise _unreadable() from problem
    return name or ADMINISTRATOR, password


def _unreadable() -> Failure:
    return failure("AUTHENTICATION_FAILED", "the Authorization header is not a readable Basic one")
