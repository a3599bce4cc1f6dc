"""Tokens open what they were made for, for as long as they were made for, and nothing else."""

import jwt
import pytest

from ingest_gateway import auth
from ingest_gateway.auth import DEVELOPMENT_TOKEN, Caller, Upload, bearer, identify, issue_upload_token, known_callers
from ingest_gateway.keyring import DEVELOPMENT_RECEIPT_KEY, body_mac, open_keyring
from ingest_gateway.problems import FOREIGN_PROJECT, FOREIGN_TRACE, TOKEN_EXPIRED, UNAUTHORIZED, Kind, Problem
from pipeline.errors import BadSetting
from pipeline.settings import GatewaySettings

KEY, OTHER_KEY = b"k" * 32, b"o" * 32
UPLOAD = Upload("trace-" + "0" * 32, "alpha", "research", 17)
PRODUCTION = {"mode": "production", "gateway_secret": "s" * 32, "receipt_key": "ab" * 32, "gateway_tokens": "alpha:t1"}


def settings(**fields: str) -> GatewaySettings:
    return GatewaySettings(**fields)  # type: ignore[arg-type]


def refused(kind: Kind, *args: object, **kwargs: object) -> None:
    with pytest.raises(Problem) as problem:
        auth.read_upload_token(*args, **kwargs)  # type: ignore[arg-type]
    assert problem.value.kind is kind


def test_upload_token_says_what_it_was_issued_for() -> None:
    token = issue_upload_token(UPLOAD, KEY, 100)
    assert auth.read_upload_token(token, KEY, 99.9, UPLOAD.trace_id) == UPLOAD


def test_upload_token_is_refused_when_it_should() -> None:
    token = issue_upload_token(UPLOAD, KEY, 100)
    refused(TOKEN_EXPIRED, token, KEY, 100, UPLOAD.trace_id)
    refused(FOREIGN_TRACE, token, KEY, 99, "trace-" + "1" * 32)
    refused(UNAUTHORIZED, token, OTHER_KEY, 99, UPLOAD.trace_id)
    refused(UNAUTHORIZED, token[:-3] + "AAA", KEY, 99, UPLOAD.trace_id)
    refused(UNAUTHORIZED, "é\x00", KEY, 99, UPLOAD.trace_id)
    assert auth.read_upload_token(token, KEY, 500, UPLOAD.trace_id, expired_too=True) == UPLOAD


@pytest.mark.parametrize("change", [{"aud": "other"}, {"exp": None}, {"offset": None}, {"offset": "x"}, {"exp": "x"}])
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
    assert identify("t1", callers) == Caller("alpha")
    assert identify("t:2", callers) == Caller("beta")
    for wrong in ("t2", "T1", "alpha:t1", DEVELOPMENT_TOKEN):
        with pytest.raises(Problem):
            identify(wrong, callers)


def test_development_token_needs_the_development_mode() -> None:
    assert identify(DEVELOPMENT_TOKEN, known_callers(settings(mode="development"))) == Caller(None)
    with pytest.raises(BadSetting, match="GATEWAY_TOKENS"):
        known_callers(settings(**{**PRODUCTION, "gateway_tokens": f"alpha:{DEVELOPMENT_TOKEN}"}))


@pytest.mark.parametrize("text", ["alpha", "alpha:", ":t1", "a b:t1"])
def test_malformed_tokens_setting_is_refused(text: str) -> None:
    with pytest.raises(BadSetting, match="GATEWAY_TOKENS"):
        known_callers(settings(**{**PRODUCTION, "gateway_tokens": text}))


def test_a_caller_creates_in_its_project_only() -> None:
    assert Caller("alpha").project_for(None) == "alpha"
    assert Caller(None).project_for(None) == "default"
    assert Caller(None).project_for("beta") == "beta"
    with pytest.raises(Problem) as problem:
        Caller("alpha").project_for("beta")
    assert problem.value.kind is FOREIGN_PROJECT


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("gateway_secret", ""),
        ("gateway_secret", "short"),
        ("receipt_key", ""),
        ("receipt_key", DEVELOPMENT_RECEIPT_KEY),
        ("receipt_key", "zz" * 32),
        ("receipt_key", "ab" * 31),
        ("gateway_tokens", ""),
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
