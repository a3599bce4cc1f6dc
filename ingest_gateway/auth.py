"""Who calls: API keys, configured tokens, and upload tokens bound to one trace. Pure: time is an argument.

An upload token is an HS256 JWT that carries everything a chunk must repeat, so that any replica can take any chunk.
"""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass

import jwt

from ingest_gateway.problems import (
    FOREIGN_PROJECT,
    FOREIGN_TRACE,
    ROLE_FORBIDS,
    TOKEN_EXPIRED,
    TOKEN_REVOKED,
    UNAUTHORIZED,
    Problem,
)
from ingest_gateway.replays import Recent
from pipeline.access import EVERY_PROJECT, KEY_KIND, PROJECT, ROLES, Permission, fingerprint, key_record
from pipeline.control import ControlView
from pipeline.errors import BadSetting
from pipeline.settings import GatewaySettings

DEVELOPMENT_TOKEN = "dev_token_12345"
DEFAULT_PROJECT = "default"
AUDIENCE = "pr-telemetry:upload"
ALGORITHM = "HS256"
REMEMBERED_TOKENS = 10_000
CLAIMS = ["aud", "exp", "trace", "project", "consent", "offset", "by"]


@dataclass(frozen=True, slots=True)
class Caller:
    """Who presented a token. `project` None: every project. `name` says who in audit entries and revocations."""

    project: str | None
    role: str
    name: str

    def require(self, permission: Permission) -> None:
        """Raises Problem where the role does not have the permission."""
        if permission not in ROLES.get(self.role, ()):
            raise Problem(ROLE_FORBIDS, f"{self.role} may not {permission}")

    def may_use(self, project: str) -> bool:
        """Whether traces of the project are this caller's."""
        return self.project in (None, project)

    def project_for(self, wanted: str | None) -> str:
        """The project of a new trace. Raises Problem where it is not the caller's."""
        chosen = wanted or self.project or DEFAULT_PROJECT
        if not self.may_use(chosen):
            raise Problem(FOREIGN_PROJECT, "this token may only create traces in its own project")
        return chosen


@dataclass(frozen=True, slots=True)
class Upload:
    """What an upload token says. `created_offset`: position of the trace's TraceCreated in its partition; `issued_to`:
    name of the caller that got it, whose revocation ends it."""

    trace_id: str
    project: str
    consent: str
    created_offset: int
    issued_to: str


def _fingerprint(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()


def known_callers(settings: GatewaySettings) -> dict[bytes, Caller]:
    """Token fingerprint -> caller. Raises BadSetting for an entry that is not `project:token`."""
    callers = {}
    for entry in filter(None, map(str.strip, settings.gateway_tokens.split(","))):
        project, _, token = entry.partition(":")
        if not token or not PROJECT.fullmatch(project):
            raise BadSetting("GATEWAY_TOKENS: expected `project:token`, comma-separated")
        if token == DEVELOPMENT_TOKEN:
            raise BadSetting("GATEWAY_TOKENS: the development token is public; choose another")
        callers[_fingerprint(token)] = Caller(project, "operator", f"configured/{project}")
    if settings.mode == "development":
        callers[_fingerprint(DEVELOPMENT_TOKEN)] = Caller(None, "operator", "development")
    return callers


def bearer(authorization: str | None) -> str:
    """The token of an Authorization header. Raises Problem."""
    scheme, _, token = (authorization or "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise Problem(UNAUTHORIZED, "send `Authorization: Bearer <token>`")
    return token.strip()


def identify(token: str, callers: Mapping[bytes, Caller], control: ControlView) -> Caller | None:
    """The caller with this API key or configured token, revoked or not; None where nobody is known by it.

    Compares digests in constant time.
    """
    record = key_record(token, control.keys)
    if record is None:
        return _configured(token, callers)
    return Caller(None if record.project == EVERY_PROJECT else record.project, record.role, KEY_KIND + record.key_id)


def _configured(token: str, callers: Mapping[bytes, Caller]) -> Caller | None:
    shown = _fingerprint(token)
    found = [caller for known, caller in callers.items() if hmac.compare_digest(known, shown)]
    return found[0] if found else None


def refuse_revoked(token: str, holder: str, control: ControlView) -> None:
    """Raises Problem where this very token, or whoever holds it, is no longer accepted."""
    if ("token", fingerprint(token)) in control.revoked or control.bars(holder):
        raise Problem(TOKEN_REVOKED, "an operator revoked it; ask for another one")


def refuse_revoked_trace(trace_id: str, control: ControlView) -> None:
    """Raises Problem where the trace takes no more uploads."""
    if ("trace", trace_id) in control.revoked:
        raise Problem(TOKEN_REVOKED, "an operator closed this trace to uploads")


class UploadTokens:
    """Reads upload tokens with one key. A token comes with every chunk of its session, so those that held are
    remembered, by the whole token; `exp` is looked at each time."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._held: Recent[tuple[Upload, int]] = Recent(REMEMBERED_TOKENS)

    def read(self, token: str, now_s: float, trace_id: str, expired_too: bool = False) -> Upload:
        """What a token for this trace says. Raises Problem where it is not ours, expired, or for another trace."""
        known = self._held.get(token)
        if known is None:
            known = _signed(token, self._key)
            self._held.put(token, known)
        upload, expires_at_s = known
        if upload.trace_id != trace_id:
            raise Problem(FOREIGN_TRACE, "this upload token was issued for another trace")
        if expires_at_s <= now_s and not expired_too:
            raise Problem(TOKEN_EXPIRED, "ask for a fresh one at POST /v1/traces/{id}/upload-token")
        return upload


def issue_upload_token(upload: Upload, key: bytes, expires_at_s: int) -> str:
    """A token that uploads to one trace until `expires_at_s` (seconds since the epoch)."""
    claims = {
        "aud": AUDIENCE,
        "exp": expires_at_s,
        "trace": upload.trace_id,
        "project": upload.project,
        "consent": upload.consent,
        "offset": upload.created_offset,
        "by": upload.issued_to,
    }
    return jwt.encode(claims, key, ALGORITHM)


def _signed(token: str, key: bytes) -> tuple[Upload, int]:
    """What a token says and when it expires (seconds since the epoch). Raises Problem where it is not ours."""
    try:
        # The library would take its own clock for `exp`; the signature and the audience are what it checks here.
        claims = jwt.decode(
            token, key, [ALGORITHM], {"require": CLAIMS, "verify_exp": False, "verify_iat": False}, audience=AUDIENCE
        )
        trace, project, consent, issued_to = (str(claims[name]) for name in ("trace", "project", "consent", "by"))
        upload = Upload(trace, project, consent, int(claims["offset"]), issued_to)
        return upload, int(claims["exp"])
    except (jwt.InvalidTokenError, UnicodeEncodeError, ValueError, TypeError) as error:
        raise Problem(UNAUTHORIZED, "this is no upload token of this server") from error
