"""One contract for every object store: the folder and a real S3 server."""

from __future__ import annotations

import io
import os
import stat
import uuid
from pathlib import Path

import pytest
from minio import Minio

from pipeline.errors import Refused, Retryable
from pipeline.objectstore import LONGEST_KEY, FileStore, FolderStore, ObjectMissing
from pipeline.s3store import S3Store, open_store
from pipeline.settings import ObjectStoreSettings
from tests.support.ports import free_port
from tests.support.stack import S3Endpoint

pytestmark = pytest.mark.integration
KEY = "documents/" + "0" * 64
LONG = "a" * (LONGEST_KEY + 1)


def _s3_settings(endpoint: S3Endpoint, **change: str) -> ObjectStoreSettings:
    settings = {
        "object_store": "s3",
        "s3_endpoint": f"http://{endpoint.address}",
        "s3_bucket": f"contract-{uuid.uuid4().hex[:12]}",
        "s3_access_key": endpoint.access_key,
        "s3_secret_key": endpoint.secret_key,
    }
    return ObjectStoreSettings.model_validate({**settings, **change})


@pytest.fixture(params=["folder", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> FileStore:
    if request.param == "folder":
        return open_store(ObjectStoreSettings(object_store="folder", object_store_dir=tmp_path / "not" / "yet"))
    return open_store(_s3_settings(request.getfixturevalue("s3_endpoint")))


class TestEveryObjectStore:
    @pytest.mark.parametrize("data", [b"", b"\x00\xff", os.urandom(6 * 1024 * 1024)], ids=["empty", "bytes", "6 MiB"])
    async def test_what_is_put_is_got(self, store: FileStore, data: bytes) -> None:
        await store.put(KEY, data)
        assert await store.get(KEY) == data
        assert await store.exists(KEY)

    @pytest.mark.parametrize("data", [b"", os.urandom(6 * 1024 * 1024)], ids=["empty", "6 MiB"])
    async def test_a_file_goes_in_and_out(self, store: FileStore, data: bytes) -> None:
        await store.put_file(KEY, io.BytesIO(data), len(data))
        assert await store.get(KEY) == data
        copy = io.BytesIO()
        await store.get_file(KEY, copy)
        assert copy.getvalue() == data
        with pytest.raises(ObjectMissing):
            await store.get_file(KEY + "0", copy)

    async def test_a_file_that_is_shorter_than_said_is_not_stored(self, store: FileStore) -> None:
        with pytest.raises(Retryable):
            await store.put_file(KEY, io.BytesIO(b"abc"), 4)
        assert not await store.exists(KEY)

    async def test_an_absent_key_is_missing(self, store: FileStore) -> None:
        with pytest.raises(ObjectMissing, match=KEY):
            await store.get(KEY)
        assert not await store.exists(KEY)
        await store.delete(KEY)

    async def test_a_second_put_of_the_same_is_harmless(self, store: FileStore) -> None:
        for _ in range(2):
            await store.put(KEY, b"same")
        assert await store.get(KEY) == b"same"
        assert await store.keys("") == [KEY]

    async def test_a_deleted_object_is_gone(self, store: FileStore) -> None:
        await store.put(KEY, b"x")
        await store.delete(KEY)
        assert not await store.exists(KEY)

    async def test_keys_are_listed_by_prefix_in_order(self, store: FileStore) -> None:
        for key in ("b/2", "b/10", "a/1", "b/c/d", "bb/1"):
            await store.put(key, b"x")
        assert await store.keys("b/") == ["b/10", "b/2", "b/c/d"]
        assert await store.keys("b") == ["b/10", "b/2", "b/c/d", "bb/1"]
        assert await store.keys("c") == []

    @pytest.mark.parametrize(
        "key",
        [
            "",
            "/",
            "/etc/x",
            "../x",
            "a/../../x",
            "a/..",
            "a//b",
            "a/",
            ".",
            "a/.hidden",
            "a\\b",
            "a\0b",
            "a b",
            "é",
            LONG,
        ],
    )
    async def test_a_key_that_is_no_plain_path_is_refused(self, store: FileStore, key: str) -> None:
        for call in (store.put(key, b"x"), store.get(key), store.exists(key), store.delete(key)):
            with pytest.raises(ValueError, match="not an object key"):
                await call


class TestFolder:
    async def test_an_unusable_folder_may_recover(self, tmp_path: Path) -> None:
        (tmp_path / "documents").write_text("a file where the folder should be")
        store = FolderStore(tmp_path)
        for call in (store.put(KEY, b"x"), store.get(KEY)):
            with pytest.raises(Retryable, match="object store folder"):
                await call

    async def test_a_half_written_object_is_never_seen(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def full(descriptor: int) -> None:
            raise OSError(28, "No space left on device")

        store = FolderStore(tmp_path)
        monkeypatch.setattr(os, "fsync", full)
        with pytest.raises(Retryable, match="No space left"):
            await store.put(KEY, b"x")
        assert os.listdir(tmp_path / "documents") == []

    async def test_objects_are_readable_by_their_owner(self, tmp_path: Path) -> None:
        await FolderStore(tmp_path).put(KEY, b"x")
        assert stat.S_IMODE((tmp_path / KEY).stat().st_mode) & stat.S_IRUSR


class TestS3:
    @pytest.mark.parametrize("change", [{"s3_secret_key": "wrong"}, {"s3_access_key": "nobody"}], ids=["secret", "key"])
    async def test_wrong_credentials_are_refused_with_what_to_correct(
        self, s3_endpoint: S3Endpoint, change: dict[str, str]
    ) -> None:
        store = S3Store(_s3_settings(s3_endpoint, **change))
        for call in (store.get(KEY), store.put(KEY, b"x")):
            with pytest.raises(Refused, match="Correct S3_ACCESS_KEY and S3_SECRET_KEY"):
                await call

    async def test_an_outage_may_recover(self) -> None:
        nobody = S3Endpoint(f"127.0.0.1:{free_port()}", "test-access", "unused")
        store = S3Store(_s3_settings(nobody))
        for call in (store.get(KEY), store.put(KEY, b"x"), store.exists(KEY), store.keys("")):
            with pytest.raises(Retryable, match="S3 cannot be reached"):
                await call

    async def test_a_bucket_that_vanishes_does_not_make_its_objects_missing(
        self, bucket: tuple[Minio, S3Store]
    ) -> None:
        """Missing documents are dead-lettered; those of a lost bucket must not be."""
        client, store = bucket
        await store.get(KEY)
        client.remove_object(store.bucket, KEY)
        client.remove_bucket(store.bucket)
        with pytest.raises(Retryable, match="NoSuchBucket"):
            await store.get(KEY)

    async def test_an_existing_bucket_is_used(self, bucket: tuple[Minio, S3Store]) -> None:
        _, store = bucket
        assert await store.get(KEY) == b"already there"


@pytest.fixture
def bucket(s3_endpoint: S3Endpoint) -> tuple[Minio, S3Store]:
    """A bucket that somebody else has made, with one object, and a store on it."""
    settings = _s3_settings(s3_endpoint)
    client = Minio(
        s3_endpoint.address, access_key=s3_endpoint.access_key, secret_key=s3_endpoint.secret_key, secure=False
    )
    client.make_bucket(settings.s3_bucket)
    client.put_object(settings.s3_bucket, KEY, io.BytesIO(b"already there"), 13)
    return client, S3Store(settings)
