"""`python -m ingest_gateway` with a certificate: https for those who trust its authority, nothing in the clear."""

from __future__ import annotations

import ssl
import sys
from pathlib import Path

import httpx2
import pytest

from tests.support.certificates import make_authority
from tests.support.ports import accepts_connections, free_port
from tests.support.processes import running, start

pytestmark = pytest.mark.integration
COMMAND = [sys.executable, "-m", "ingest_gateway"]


def _environment(port: int, certificate: Path, key: Path) -> dict[str, str]:
    files = {"GATEWAY_TLS_CERT": str(certificate), "GATEWAY_TLS_KEY": str(key)}
    return {"MODE": "development", "GATEWAY_PORT": str(port), "KAFKA_BOOTSTRAP": f"127.0.0.1:{free_port()}", **files}


def test_it_answers_https_and_nothing_else(tmp_path: Path) -> None:
    port, authority = free_port(), make_authority(tmp_path)
    other = make_authority(tmp_path, "other")
    environment = _environment(port, authority.certificate, authority.key)
    address = f"127.0.0.1:{port}/healthz"
    with running(COMMAND, tmp_path / "gateway.log", lambda: accepts_connections(port), environment):
        trusting, doubting = (ssl.create_default_context(cafile=known.ca) for known in (authority, other))
        assert httpx2.get(f"https://{address}", verify=trusting).status_code == 200
        with pytest.raises(httpx2.ConnectError, match="verify failed"):
            httpx2.get(f"https://{address}", verify=doubting)
        with pytest.raises(httpx2.TransportError):
            httpx2.get(f"http://{address}")


def test_a_certificate_with_another_key_is_refused_at_the_start(tmp_path: Path) -> None:
    certificate, key = make_authority(tmp_path).certificate, make_authority(tmp_path, "other").key
    process = start(COMMAND, tmp_path / "gateway.log", _environment(free_port(), certificate, key))
    with pytest.raises(AssertionError, match="ended with status 1"):
        process.wait_until(lambda: False)
    assert "Bad setting. GATEWAY_TLS_CERT, GATEWAY_TLS_KEY: " in process.log_tail()
