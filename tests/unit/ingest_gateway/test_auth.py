"""Tokens open what they were made for, for as long as they were made for, and nothing else."""

from contextlib import suppress

import jwt
import pytest

from ingest_gateway import auth
from ingest_gateway.auth import (
    DEVELOPMENT_TOKEN,
    Caller,
    Upload,
    UploadTokens,
    bearer,
    identify,
    issue_upload_token,
    known_callers,
)
from ingest_gateway.keyring import DEVELOPMENT_RECEIPT_KEY, body_mac, open_keyring
from ingest_gateway.problems import (
    FOREIGN_PROJECT,
    FOREIGN_TRACE,
    ROLE_FORBIDS,
    TOKEN_EXPIRED,
    TOKEN_REVOKED,
    UNAUTHORIZED,
    Kind,
    Problem,
)
from pipeline.access import ROLES, fingerprint, key_topic_key, new_key, revocation_topic_key
from pipeline.control import ControlView
from pipeline.errors import BadSetting
from pipeline.settings import GatewaySettings
from schemas.codec import encode
from schemas.records import ApiKeyRecorded

KEY, OTHER_KEY = b"k" * 32, b"o" * 32
UPLOAD = Upload("trace-" + "0" * 32, "alpha", "research", 17, "key/000000000001")
NOTHING = ControlView()
KEY_ID = "000000000001"
PRODUCTION = {"mode": "production", "gateway_secret": "s" * 32, "receipt_key": "ab" * 32, "gateway_tokens": "alpha:t1"}


def settings(**fields: str) -> GatewaySettings:
    return GatewaySettings(**fields)  # type: ignore[arg-type]


def read(token: str, key: bytes, now_s: float, trace_id: str, expired_too: bool = False) -> Upload:
    """What a gateway makes of a token that it saw before, which is the same as at first sight."""
    tokens = UploadTokens(key)
    with suppress(Problem):
        tokens.read(token, 0, trace_id, expired_too=True)
    return tokens.read(token, now_s, trace_id, expired_too)


def refused(kind: Kind, *args: object, **kwargs: object) -> None:
    with pytest.raises(Problem) as problem:
        read(*args, **kwargs)  # type: ignore[arg-type]
    assert problem.value.kind is kind


def test_upload_token_says_what_it_was_issued_for() -> None:
    token = issue_upload_token(UPLOAD, KEY, 100)
    assert read(token, KEY, 99.9, UPLOAD.trace_id) == UPLOAD


def test_upload_token_is_refused_when_it_should() -> None:
    token = issue_upload_token(UPLOAD, KEY, 100)
    refused(TOKEN_EXPIRED, token, KEY, 100, UPLOAD.trace_id)
    refused(FOREIGN_TRACE, token, KEY, 99, "trace-" + "1" * 32)
    refused(UNAUTHORIZED, token, OTHER_KEY, 99, UPLOAD.trace_id)
    refused(UNAUTHORIZED, token[:-3] + "AAA", KEY, 99, UPLOAD.trace_id)
    refused(UNAUTHORIZED, "é\x00", KEY, 99, UPLOAD.trace_id)
    assert read(token, KEY, 500, UPLOAD.trace_id, expired_too=True) == UPLOAD


@pytest.mark.parametrize(
    "change", [{"aud": "other"}, {"exp": None}, {"offset": None}, {"by": None}, {"offset": "x"}, {"exp": "x"}]
)
def test_upload_token_must_be_whole(change: dict[str, object]) -> None:
    claims = jwt.decode(issue_upload_token(UPLOAD, KEY, 100), options={"verify_signature": False})
    wrong = {name: value for name, value in {**claims, **change}.items() if value is not None}
    refused(UNAUTHORIZED, jwt.encode(wrong, KEY, "HS256"), KEY, 99, UPLOAD.trace_id)


def test_unsigned_token_is_refused() -> None:
    claims = jwt.decode(issue_upload_token(UPLOAD, KEY, 100), options={"verify_signature": False})
    refused(UNAUTHORIZED, jwt.encode(claims, "", "none"), KEY, 99, UPLOAD.trace_id)


@pytest.mark.parametrize("header", [None, "", "Basic abc", "Bearer", "Bearer  "])
def test_authorization_must_be_bearer(header: str | None) -> None:
    with pytest.raises(Problem) as problem:
        bearer(header)
    assert problem.value.kind is UNAUTHORIZED
    assert problem.value.response().headers["WWW-Authenticate"] == "Bearer"


def test_callers_are_known_by_their_tokens() -> None:
    callers = known_callers(settings(**{**PRODUCTION, "gateway_tokens": "alpha:t1, beta:t:2"}))
    assert identify("t1", callers, NOTHING) == Caller("alpha", "operator", "configured/alpha")
    assert identify("t:2", callers, NOTHING) == Caller("beta", "operator", "configured/beta")
    for wrong in ("t2", "T1", "alpha:t1", DEVELOPMENT_TOKEN):
        assert identify(wrong, callers, NOTHING) is None


def test_development_token_needs_the_development_mode() -> None:
    callers = known_callers(settings(mode="development"))
    assert identify(DEVELOPMENT_TOKEN, callers, NOTHING) == Caller(None, "operator", "development")
    assert identify(DEVELOPMENT_TOKEN, known_callers(settings(**PRODUCTION)), NOTHING) is None
    with pytest.raises(BadSetting, match="GATEWAY_TOKENS"):
        known_callers(settings(**{**PRODUCTION, "gateway_tokens": f"alpha:{DEVELOPMENT_TOKEN}"}))


@pytest.mark.parametrize("text", ["alpha", "alpha:", ":t1", "a b:t1"])
def test_malformed_tokens_setting_is_refused(text: str) -> None:
    with pytest.raises(BadSetting, match="GATEWAY_TOKENS"):
        known_callers(settings(**{**PRODUCTION, "gateway_tokens": text}))


def test_a_caller_creates_in_its_project_only() -> None:
    alpha, anywhere = Caller("alpha", "writer", "a"), Caller(None, "writer", "b")
    assert alpha.project_for(None) == "alpha"
    assert anywhere.project_for(None) == "default"
    assert anywhere.project_for("beta") == "beta"
    with pytest.raises(Problem) as problem:
        alpha.project_for("beta")
    assert problem.value.kind is FOREIGN_PROJECT


def recorded(key: str, project: str = "alpha", role: str = "writer", revoked: bool = False) -> bytes:
    record = ApiKeyRecorded(
        key_id=KEY_ID, project=project, role=role, key_hash=fingerprint(key), revoked=revoked, recorded_at_us=1
    )
    return encode(record)


def enter(token: str, control: ControlView) -> Caller:
    caller = identify(token, {}, control)
    assert caller
    auth.refuse_revoked(token, caller.name, control)
    return caller


def refused_caller(token: str, control: ControlView) -> Kind | None:
    if identify(token, {}, control) is None:
        return None
    with pytest.raises(Problem) as problem:
        enter(token, control)
    return problem.value.kind


def test_a_key_is_its_caller_until_it_is_rotated_or_revoked() -> None:
    control, first, second = ControlView(), new_key(KEY_ID), new_key(KEY_ID)
    assert refused_caller(first, control) is None
    control.apply(key_topic_key(KEY_ID), recorded(first))
    assert enter(first, control) == Caller("alpha", "writer", f"key/{KEY_ID}")
    control.apply(key_topic_key(KEY_ID), recorded(second, project="*"))
    assert enter(second, control).project is None
    assert refused_caller(first, control) is None
    control.apply(key_topic_key(KEY_ID), recorded(second, revoked=True))
    assert refused_caller(second, control) is TOKEN_REVOKED


@pytest.mark.parametrize(("kind", "what"), [("token", "fingerprint"), ("key", "id")])
def test_a_revocation_ends_a_key_until_it_is_lifted(kind: str, what: str) -> None:
    control, key = ControlView(), new_key(KEY_ID)
    control.apply(key_topic_key(KEY_ID), recorded(key))
    place = revocation_topic_key(kind, fingerprint(key) if what == "fingerprint" else KEY_ID)
    control.apply(place, b"whatever it says")
    assert refused_caller(key, control) is TOKEN_REVOKED
    control.apply(place, None)
    assert enter(key, control).name == f"key/{KEY_ID}"


def test_an_upload_token_ends_with_whoever_got_it_and_with_its_trace() -> None:
    control, key = ControlView(), new_key(KEY_ID)
    control.apply(key_topic_key(KEY_ID), recorded(key))
    auth.refuse_revoked("token", UPLOAD.issued_to, control)
    auth.refuse_revoked("token", "configured/alpha", control)
    control.apply(key_topic_key(KEY_ID), recorded(key, revoked=True))
    with pytest.raises(Problem) as problem:
        auth.refuse_revoked("token", UPLOAD.issued_to, control)
    assert problem.value.kind is TOKEN_REVOKED
    auth.refuse_revoked_trace(UPLOAD.trace_id, control)
    control.apply(revocation_topic_key("trace", UPLOAD.trace_id), b"")
    with pytest.raises(Problem, match="closed"):
        auth.refuse_revoked_trace(UPLOAD.trace_id, control)


def test_a_role_may_do_what_the_table_says_and_an_unknown_one_nothing() -> None:
    for role in (*ROLES, "emperor"):
        caller = Caller("alpha", role, "x")
        for permission in ROLES["operator"]:
            if permission in ROLES.get(role, ()):
                caller.require(permission)
            else:
                with pytest.raises(Problem) as problem:
                    caller.require(permission)
                assert problem.value.kind is ROLE_FORBIDS


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("gateway_secret", ""),
        ("gateway_secret", "short"),
        ("receipt_key", ""),
        ("receipt_key", DEVELOPMENT_RECEIPT_KEY),
        ("receipt_key", "zz" * 32),
        ("receipt_key", "ab" * 31),
        ("retired_receipt_keys", "ab" * 32 + ", zz"),
    ],
)
def test_production_refuses_to_start_without_secrets(name: str, value: str) -> None:
    with pytest.raises(BadSetting, match=name.upper()):
        open_keyring(settings(**{**PRODUCTION, name: value}))


def test_each_purpose_has_its_own_key() -> None:
    keys = open_keyring(settings(**PRODUCTION))
    derived = {keys.upload_tokens, keys.request_macs, keys.redaction, keys.redaction_of("a"), keys.redaction_of("b")}
    assert len(derived) == 5
    assert keys == open_keyring(settings(**PRODUCTION))
    assert len(body_mac(keys.request_macs, b"body")) == 16
    assert open_keyring(settings(mode="development")) != keys
