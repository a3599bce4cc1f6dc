"""ClickHouse and S3 behind TLS: reached when their authority is known, said to be unreachable, and why, when not."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

import pytest

from pipeline.clickhouse import ClickHouse
from pipeline.errors import Retryable
from pipeline.s3store import S3Store
from pipeline.settings import ClickHouseSettings, ObjectStoreSettings
from tests.support.certificates import make_authority
from tests.support.stack import S3Endpoint
from tests.support.tls_front import tls_front

pytestmark = pytest.mark.integration


def test_clickhouse(clickhouse_url: str, clickhouse_database: str, tmp_path: Path) -> None:
    authority, other = make_authority(tmp_path), make_authority(tmp_path, "other")
    with tls_front(urlsplit(clickhouse_url).port or 0, authority, tmp_path / "front.log") as port:
        for known in (authority, other):
            settings = ClickHouseSettings(
                clickhouse_url=f"https://127.0.0.1:{port}",
                clickhouse_database=clickhouse_database,
                clickhouse_ca_file=known.ca,
            )
            clickhouse = ClickHouse(settings)
            if known is authority:
                assert clickhouse.rows("SELECT 1 AS one") == [{"one": 1}]
            else:
                with pytest.raises(Retryable, match="CERTIFICATE_VERIFY_FAILED"):
                    clickhouse.rows("SELECT 1 AS one")
            clickhouse.close()


async def test_s3(s3_endpoint: S3Endpoint, tmp_path: Path) -> None:
    authority, other = make_authority(tmp_path), make_authority(tmp_path, "other")
    with tls_front(int(s3_endpoint.address.split(":")[1]), authority, tmp_path / "front.log") as port:
        settings = ObjectStoreSettings(
            object_store="s3",
            s3_endpoint=f"https://127.0.0.1:{port}",
            s3_bucket="secured",
            s3_access_key=s3_endpoint.access_key,
            s3_secret_key=s3_endpoint.secret_key,
            s3_ca_file=authority.ca,
        )
        store = S3Store(settings)
        await store.put("documents/secured", b"by TLS")
        assert await store.get("documents/secured") == b"by TLS"
        with pytest.raises(Retryable, match="CERTIFICATE_VERIFY_FAILED"):
            await S3Store(settings.model_copy(update={"s3_ca_file": other.ca})).get("documents/secured")
