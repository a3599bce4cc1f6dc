"""The S3 server of the tests enforces what a real one would."""

from __future__ import annotations

import io

import pytest
from minio import Minio
from minio.error import S3Error

from tests.support.stack import S3Endpoint

pytestmark = pytest.mark.integration


def _client(endpoint: S3Endpoint, secret_key: str) -> Minio:
    return Minio(
        endpoint.address, access_key=endpoint.access_key, secret_key=secret_key, secure=False, region="us-east-1"
    )


def test_an_object_comes_back_and_a_wrong_secret_does_not_pass(s3_endpoint: S3Endpoint) -> None:
    client = _client(s3_endpoint, s3_endpoint.secret_key)
    client.make_bucket("embedded-check")
    client.put_object("embedded-check", "a/b", io.BytesIO(b"content"), 7)
    response = client.get_object("embedded-check", "a/b")
    assert response.read() == b"content"
    response.close()
    response.release_conn()
    impostor = _client(s3_endpoint, "wrong")
    with pytest.raises(S3Error, match="SignatureDoesNotMatch"):
        impostor.put_object("embedded-check", "c", io.BytesIO(b"x"), 1)
