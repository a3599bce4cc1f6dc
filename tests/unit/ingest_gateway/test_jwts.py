"""A JWT opens what its claims say when a published key signed it; everything else is refused."""

import json
import time
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from ingest_gateway.auth import Caller
from ingest_gateway.jwks import LONGEST_KEPT_S, Jwks
from ingest_gateway.jwts import JwtRules, jwt_caller, jwt_rules, read_jwks
from ingest_gateway.problems import TOKEN_EXPIRED, UNAUTHORIZED, Kind, Problem
from pipeline.errors import BadSetting
from pipeline.settings import GatewaySettings

SECRET = "s" * 40
ED, RSA = Ed25519PrivateKey.from_private_bytes(b"\x05" * 32), generate_private_key(65537, 2048)
RULES, DEVELOPMENT = (JwtRules("telemetry", "https://id.example", secret) for secret in ("", SECRET))
CLAIMS = {"sub": "ann", "exp": 200, "project": "alpha", "role": "reader", "aud": "telemetry", "iss": RULES.issuer}


def jwks() -> bytes:
    ed = json.loads(jwt.algorithms.OKPAlgorithm.to_jwk(ED.public_key()))
    rsa = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(RSA.public_key()))
    shared = {"kty": "oct", "k": "c2VjcmV0", "kid": "shared", "alg": "HS256"}
    return json.dumps({"keys": [{**ed, "kid": "ed"}, {**rsa, "kid": "rsa"}, shared]}).encode()


KEYS = read_jwks(jwks())


def signed(key: Any = ED, algorithm: str = "EdDSA", kid: str = "ed", **changed: Any) -> str:
    claims = {name: value for name, value in {**CLAIMS, **changed}.items() if value is not None}
    return jwt.encode(claims, key, algorithm, headers={"kid": kid})


def refusal(token: str, rules: JwtRules = RULES) -> Kind:
    with pytest.raises(Problem) as problem:
        jwt_caller(token, {**KEYS, **rules.keys}, rules, 100)
    return problem.value.kind


def test_both_kinds_of_published_keys_are_taken_and_no_shared_one() -> None:
    assert KEYS.keys() == {"ed", "rsa"}
    for token in (signed(), signed(RSA, "RS256", "rsa")):
        assert jwt_caller(token, KEYS, RULES, 100) == Caller("alpha", "reader", "jwt/ann")
    assert jwt_caller(signed(project="*"), KEYS, RULES, 100).project is None


@pytest.mark.parametrize(
    "changed",
    [
        *[{name: None} for name in CLAIMS],
        {"aud": "other"},
        {"iss": "https://evil.example"},
        {"role": "emperor"},
        {"role": ["operator"]},
        {"project": "a/b"},
        {"sub": "a\nb"},
        {"sub": "x" * 129},
        {"nbf": 101},
        {"exp": "soon"},
    ],
)
def test_what_claims_do_not_say_rightly_is_refused(changed: dict[str, Any]) -> None:
    try:
        token = signed(**changed)
    except TypeError:
        pytest.skip("the library does not even write such a token")
    assert refusal(token) is UNAUTHORIZED


def test_forgeries_are_refused() -> None:
    public = ED.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    assert refusal(signed(Ed25519PrivateKey.from_private_bytes(b"\x06" * 32))) is UNAUTHORIZED
    assert refusal(signed(public, "HS256")) is UNAUTHORIZED
    assert refusal(signed("", "none")) is UNAUTHORIZED
    assert refusal(signed(kid="unknown")) is UNAUTHORIZED
    assert refusal(signed()[:-4] + "AAAA") is UNAUTHORIZED
    assert refusal("a.b.c") is UNAUTHORIZED
    assert refusal(signed(exp=100)) is TOKEN_EXPIRED


def test_the_shared_secret_is_for_development() -> None:
    token = jwt.encode(CLAIMS, SECRET, "HS256")
    assert jwt_caller(token, DEVELOPMENT.keys, DEVELOPMENT, 100).name == "jwt/ann"
    assert refusal(token) is UNAUTHORIZED


@pytest.mark.parametrize(
    ("mode", "fields", "named"),
    [
        ("production", {"jwt_development_secret": SECRET}, "JWT_DEVELOPMENT_SECRET"),
        ("development", {"jwt_development_secret": "short"}, "JWT_DEVELOPMENT_SECRET"),
        ("production", {"jwt_jwks": "f", "jwt_audience": ""}, "JWT_AUDIENCE"),
        ("production", {"jwt_jwks": "f", "jwt_issuer": ""}, "JWT_ISSUER"),
    ],
)
def test_half_set_settings_are_refused(mode: Any, fields: dict[str, Any], named: str) -> None:
    with pytest.raises(BadSetting, match=named):
        jwt_rules(GatewaySettings(mode=mode, **{"jwt_audience": "a", "jwt_issuer": "i", **fields}))
    assert jwt_rules(GatewaySettings()) is None


def test_keys_that_could_not_be_read_again_for_a_day_are_dropped() -> None:
    kept = Jwks(RULES, "file", 300)
    kept._keys, kept._read_at = KEYS, time.monotonic() - LONGEST_KEPT_S + 60
    assert kept.caller(signed(), 100).name == "jwt/ann"
    kept._read_at -= 60
    with pytest.raises(Problem):
        kept.caller(signed(), 100)


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b'{"keys": []}', b'{"keys": [{"kid": "x", "kty": "OKP"}]}'])
def test_what_are_no_keys_is_refused(content: bytes) -> None:
    with pytest.raises(ValueError, match=r"JWK Set|no key"):
        read_jwks(content)
