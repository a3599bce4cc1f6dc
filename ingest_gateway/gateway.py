"""Everything a request may need, in one value; handlers find it at `request.app.state.gateway`."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from starlette.requests import Request

from ingest_gateway.admission import Admission, OpenStreams, refuse
from ingest_gateway.auth import (
    Caller,
    Upload,
    UploadTokens,
    bearer,
    identify,
    issue_upload_token,
    known_callers,
    refuse_revoked,
    refuse_revoked_trace,
)
from ingest_gateway.bodies import Body, BodyLimits, InFlight, Pace
from ingest_gateway.control import Control
from ingest_gateway.denials import Denials
from ingest_gateway.fresh import Fresh
from ingest_gateway.jwks import Jwks
from ingest_gateway.jwts import jwt_rules
from ingest_gateway.keyring import Keyring, open_keyring
from ingest_gateway.metrics import Metrics
from ingest_gateway.problems import NOT_FOUND, UNAUTHORIZED, Problem
from ingest_gateway.reads import Reads
from ingest_gateway.receipts import Signer
from ingest_gateway.redaction import Redactor
from ingest_gateway.replays import Recent, Replays
from ingest_gateway.tracecontext import log_headers
from ingest_gateway.tracelog import TraceLog
from pipeline.access import EVERY_PROJECT, Permission
from pipeline.clock import Clock
from pipeline.ids import minted_at_us
from pipeline.keys import notary_public_keys
from pipeline.merklelog import MerkleLog
from pipeline.notes import VerifierKey
from pipeline.objectstore import FileStore
from pipeline.settings import GatewaySettings

REMEMBERED_COMPLETIONS = 50_000
# Each is in memory as a whole, several times over; the others wait for their turn.
BUNDLES_AT_ONCE = 2


@dataclass(frozen=True)
class Gateway:
    """The dependencies of the handlers. Nothing here is shared between replicas."""

    settings: GatewaySettings
    log: TraceLog
    control: Control
    store: FileStore
    reads: Reads
    fresh: Fresh
    clock: Clock
    keys: Keyring
    tokens: UploadTokens
    callers: Mapping[bytes, Caller]
    signer: Signer
    body_limits: BodyLimits
    spooled_bytes: InFlight
    admission: Admission
    replays: Replays
    metrics: Metrics
    denials: Denials
    jwks: Jwks | None
    notary_keys: tuple[VerifierKey, ...]
    merkle: MerkleLog
    streams: OpenStreams
    bundling: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(BUNDLES_AT_ONCE))
    completions: Recent[tuple[bytes, bytes]] = field(default_factory=lambda: Recent(REMEMBERED_COMPLETIONS))

    def caller(self, request: Request, permission: Permission) -> Caller:
        """Who calls, where they may do this. Raises Problem."""
        token = bearer(request.headers.get("authorization"))
        caller = identify(token, self.callers, self.control.view) or self._jwt_caller(token)
        request.state.actor = (caller.name, caller.project or EVERY_PROJECT)
        refuse_revoked(token, caller.name, self.control.view)
        self.admit(request)
        caller.require(permission)
        return caller

    def _jwt_caller(self, token: str) -> Caller:
        if self.jwks is None or token.count(".") != 2:
            raise Problem(UNAUTHORIZED, "this token is not known here")
        return self.jwks.caller(token, self.clock() / 1e6)

    def upload(self, request: Request, trace_id: str) -> Upload:
        """What the request's upload token allows for this trace. Raises Problem."""
        token = bearer(request.headers.get("authorization"))
        upload = self.tokens.read(token, self.clock() / 1e6, trace_id)
        request.state.actor = (upload.issued_to, upload.project)
        refuse_revoked(token, upload.issued_to, self.control.view)
        refuse_revoked_trace(trace_id, self.control.view)
        self.admit(request)
        return upload

    def admit(self, request: Request) -> None:
        """Count the request of a known actor. Raises Problem where its caller or project must wait."""
        caller, project = request.state.actor
        request.state.quotas = quotas = self.admission.admit(caller, project, time.monotonic())
        refuse(quotas)

    def body(self, request: Request) -> Body:
        """The JSON body of a request, to be entered."""
        return Body(request, self.body_limits)

    def upload_token(self, upload: Upload) -> tuple[str, int]:
        """A fresh token and when it expires, seconds since the epoch."""
        expires_at_s = self.clock() // 1_000_000 + self.settings.upload_token_ttl_s
        return issue_upload_token(upload, self.keys.upload_tokens, expires_at_s), expires_at_s

    def redactor(self, project: str) -> Redactor:
        """A redactor with the project's key and rules, fresh counts. Raises Problem before policies are known."""
        return Redactor(self.keys.redaction_of(project), self.control.view.personal_rules(project))

    def count_redactions(self, counts: Mapping[str, int]) -> None:
        """Add what was redacted to the metrics, once the log has it."""
        for rule, count in counts.items():
            self.metrics.redactions.labels(rule).inc(count)


def assemble(
    settings: GatewaySettings,
    log: TraceLog,
    control: Control,
    store: FileStore,
    reads: Reads,
    fresh: Fresh,
    clock: Clock,
) -> Gateway:
    """A gateway from its outside parts. Raises BadSetting for secrets that are missing or wrong."""
    keys = open_keyring(settings)
    callers = known_callers(settings)
    pace = Pace(settings.body_timeout_s, settings.min_body_bytes_per_s)
    body_limits = BodyLimits(settings.max_body_bytes, pace, InFlight(settings.max_in_flight_bytes))
    signer, admission = Signer(keys.receipt_seed, keys.retired_receipt_keys), Admission(settings)
    limits = (body_limits, InFlight(settings.max_spool_bytes), admission, Replays(settings.max_replay_bytes))
    metrics, tokens = Metrics(), UploadTokens(keys.upload_tokens)
    parts = (settings, log, control, store, reads, fresh, clock, keys, tokens, callers, signer, *limits)
    rules = jwt_rules(settings)
    jwks = Jwks(rules, settings.jwt_jwks, settings.jwt_refresh_s) if rules else None
    notary_keys, streams = notary_public_keys(settings), OpenStreams(settings.max_status_streams)
    log_reading = (notary_keys, MerkleLog(store, notary_keys))
    return Gateway(*parts, metrics, Denials(log, clock, metrics), jwks, *log_reading, streams)


def gateway_of(request: Request) -> Gateway:
    """The gateway that serves a request."""
    gateway: Gateway = request.app.state.gateway
    return gateway


def context_of(request: Request) -> tuple[tuple[str, bytes], ...]:
    """The request's trace context, as headers of the records it causes."""
    return log_headers(request.headers.get("traceparent"), request.headers.get("tracestate"))


def trace_id_of(request: Request) -> str:
    """The trace id of the path. Raises Problem where it has not the shape of one."""
    trace_id: str = request.path_params["trace_id"]
    try:
        minted_at_us(trace_id)
    except ValueError:
        raise Problem(NOT_FOUND, "this is no trace id") from None
    return trace_id
