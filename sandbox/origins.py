"""Which repository address a trace names, and whether it may be fetched. Pure.

The address comes from a client: only what the operator allowed is asked, over https, without a user, and nothing in it
may lead elsewhere.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable

_HOST = r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?"
_PATH = r"(?:/[A-Za-z0-9_~+-][A-Za-z0-9._~+-]{0,254}){1,30}"  # no part begins with a dot
_HTTPS = re.compile(rf"https://(?P<host>{_HOST})(?::(?P<port>[0-9]{{1,5}}))?(?P<path>{_PATH})")
_FILE = re.compile(rf"file://{_PATH}")
_SSH = re.compile(rf"(?:ssh://)?git@(?P<host>{_HOST})[:/](?P<path>[^:@]+)")
_BARE = re.compile(rf"(?P<host>[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{{2,}})(?P<path>{_PATH})")
HTTPS_PORT = 443


def fetchable(origin: str) -> str | None:
    """The https address of a trace's origin, also where it is written for ssh; None where it is no such address."""
    url = origin.strip().rstrip("/")
    if ssh := _SSH.fullmatch(url):
        url = f"https://{ssh['host']}/{ssh['path'].lstrip('/')}"
    elif bare := _BARE.fullmatch(url):
        url = f"https://{bare['host']}{bare['path']}"
    if https := _HTTPS.fullmatch(url):
        return url.replace(https["host"], https["host"].lower(), 1)
    return url if _FILE.fullmatch(url) else None


def allowed(url: str, origins: Iterable[str]) -> bool:
    """Whether `url` is one of the origins or below one."""
    prefixes = (origin.strip().rstrip("/") for origin in origins)
    return any(url == prefix or url.startswith(prefix + "/") for prefix in prefixes if "://" in prefix)


def host_and_port(url: str) -> tuple[str, int] | None:
    """Where an https address leads; None for a file."""
    https = _HTTPS.fullmatch(url)
    return (https["host"], int(https["port"] or HTTPS_PORT)) if https else None


def public(address: str) -> bool:
    """Whether an IP address is one of the open internet: no private, local, shared or mapped one."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    mapped = getattr(ip, "ipv4_mapped", None) or getattr(ip, "sixtofour", None)
    return ip.is_global and not ip.is_multicast and (mapped is None or mapped.is_global)
