"""Callers who show a JWT of the company's own identity provider. Pure: keys and time are arguments.

The key decides the algorithm, never the token: EdDSA or RS256 by the published keys, HS256 by a shared secret in
development only. A token must say `sub`, `exp`, `project` and `role`, and name the audience and issuer that are set.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jwt
import orjson

from ingest_gateway.auth import Caller
from ingest_gateway.problems import TOKEN_EXPIRED, UNAUTHORIZED, Problem
from pipeline.access import EVERY_PROJECT, PROJECT, ROLES
from pipeline.errors import BadSetting
from pipeline.settings import GatewaySettings

ALGORITHMS = ("EdDSA", "RS256")
CLAIMS = ["sub", "exp", "project", "role", "aud", "iss"]
LONGEST_SUBJECT = 128
SHARED = ""
"""Key id of the development secret: that of a token which names none."""


@dataclass(frozen=True, slots=True)
class JwtRules:
    """What a token must name, and the development secret (empty: none)."""

    audience: str
    issuer: str
    secret: str

    @property
    def keys(self) -> dict[str, jwt.PyJWK]:
        """The development secret as a key."""
        if not self.secret:
            return {}
        encoded = jwt.utils.base64url_encode(self.secret.encode()).decode()
        return {SHARED: jwt.PyJWK({"kty": "oct", "k": encoded}, "HS256")}


def jwt_rules(settings: GatewaySettings) -> JwtRules | None:
    """The rules, None where no JWTs are taken. Raises BadSetting for what is half set, or not fit for production."""
    if not settings.jwt_jwks and not settings.jwt_development_secret:
        return None
    if settings.jwt_development_secret and settings.mode != "development":
        raise BadSetting("JWT_DEVELOPMENT_SECRET: a shared secret is for development; give production JWT_JWKS")
    if settings.jwt_development_secret and len(settings.jwt_development_secret) < 32:
        raise BadSetting("JWT_DEVELOPMENT_SECRET: expected at least 32 characters")
    for name in ("jwt_audience", "jwt_issuer"):
        if not getattr(settings, name):
            raise BadSetting(f"{name.upper()}: needed where JWTs are taken, or those for other services would do")
    return JwtRules(settings.jwt_audience, settings.jwt_issuer, settings.jwt_development_secret)


def read_jwks(content: bytes) -> dict[str, jwt.PyJWK]:
    """Key id -> key, of the EdDSA and RS256 keys in a JWK Set. Raises ValueError where there is none."""
    try:
        entries = [entry for entry in orjson.loads(content)["keys"] if entry.get("kid") and entry.get("use") != "enc"]
        keys = {str(entry["kid"]): key for entry in entries if (key := _key(entry)) is not None}
    except (LookupError, TypeError, AttributeError, orjson.JSONDecodeError) as error:
        raise ValueError(f"this is no JWK Set: {error!r}") from None
    if not keys:
        raise ValueError(f"there is no key with a `kid` for {' or '.join(ALGORITHMS)} in it")
    return keys


def _key(entry: dict[str, Any]) -> jwt.PyJWK | None:
    if entry.get("kty") not in ("OKP", "RSA"):
        return None
    try:
        key = jwt.PyJWK(entry)
    except jwt.PyJWTError:
        return None
    return key if key.algorithm_name in ALGORITHMS else None


def jwt_caller(token: str, keys: Mapping[str, jwt.PyJWK], rules: JwtRules, now_s: float) -> Caller:
    """The caller that a token names. Raises Problem."""
    options: Any = {"require": CLAIMS, "verify_exp": False, "verify_nbf": False, "verify_iat": False}
    try:
        key = keys[str(jwt.get_unverified_header(token).get("kid", SHARED))]
        claims = jwt.decode(token, key.key, [key.algorithm_name], options, audience=rules.audience, issuer=rules.issuer)
        begins, ends = float(claims.get("nbf", 0)), float(claims["exp"])
    except (jwt.PyJWTError, LookupError, ValueError, TypeError) as error:
        raise Problem(UNAUTHORIZED, "this JWT is not one that is taken here") from error
    if ends <= now_s:
        raise Problem(TOKEN_EXPIRED, "get a fresh one where you got this one")
    if begins > now_s:
        raise Problem(UNAUTHORIZED, "this JWT is not valid yet")
    return _named(claims)


def _named(claims: Mapping[str, Any]) -> Caller:
    subject, project, role = claims["sub"], claims["project"], claims["role"]
    texts = isinstance(subject, str) and isinstance(project, str) and isinstance(role, str)
    if not texts or not subject.isprintable() or not 0 < len(subject) <= LONGEST_SUBJECT or role not in ROLES:
        raise Problem(UNAUTHORIZED, "the claims `sub`, `project` and `role` do not name a caller")
    if project == EVERY_PROJECT:
        return Caller(None, role, f"jwt/{subject}")
    if not PROJECT.fullmatch(project):
        raise Problem(UNAUTHORIZED, "the claims `sub`, `project` and `role` do not name a caller")
    return Caller(project, role, f"jwt/{subject}")
