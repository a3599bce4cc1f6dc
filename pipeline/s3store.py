"""The object store on S3 (the `minio` client), and the choice between it and the folder."""

import asyncio
import io
import shutil
from collections.abc import Callable
from typing import BinaryIO, TypeVar
from urllib.parse import urlsplit

import urllib3
from minio import Minio
from minio.error import MinioException, S3Error

from pipeline.errors import Refused, Retryable
from pipeline.objectstore import FileStore, FolderStore, ObjectMissing, checked
from pipeline.settings import ObjectStoreSettings
from pipeline.transport import trusting

MISSING = {"NoSuchKey", "NoSuchObject"}
# Nobody's outage: these go on until a setting (or this machine's clock) is corrected, so the process says so and stops.
REFUSED = {"AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch", "RequestTimeTooSkewed"}
CREATED_BY_ANOTHER = {"BucketAlreadyOwnedByYou", "BucketAlreadyExists"}
PART = 5 * 1024 * 1024
Result = TypeVar("Result")


class S3Store:
    """Objects in one bucket, addressed path-style. The bucket is created at the first use."""

    def __init__(self, settings: ObjectStoreSettings) -> None:
        endpoint = urlsplit(settings.s3_endpoint)
        self.bucket = settings.s3_bucket
        self._client = Minio(
            endpoint.netloc,
            access_key=settings.s3_access_key,
            secret_key=settings.s3_secret_key,
            secure=endpoint.scheme == "https",
            region=settings.s3_region,
            http_client=urllib3.PoolManager(
                timeout=urllib3.Timeout(5, read=60),
                retries=urllib3.Retry(2),
                ssl_context=trusting(settings.s3_ca_file, "S3_CA_FILE") if endpoint.scheme == "https" else None,
            ),
        )
        self._bucket_known = False

    async def put(self, key: str, data: bytes) -> None:
        name = checked(key)
        await self._run(key, lambda: self._client.put_object(self.bucket, name, io.BytesIO(data), len(data)))

    async def get(self, key: str) -> bytes:
        name = checked(key)
        return await self._run(key, lambda: self._read(name))

    async def put_file(self, key: str, file: BinaryIO, size: int) -> None:
        name = checked(key)
        await self._run(
            key, lambda: self._client.put_object(self.bucket, name, file, size, part_size=PART, num_parallel_uploads=1)
        )

    async def get_file(self, key: str, file: BinaryIO) -> None:
        name = checked(key)
        await self._run(key, lambda: self._copy(name, file))

    async def exists(self, key: str) -> bool:
        name = checked(key)
        try:
            await self._run(key, lambda: self._client.stat_object(self.bucket, name))
        except ObjectMissing:
            return False
        return True

    async def delete(self, key: str) -> None:
        name = checked(key)
        await self._run(key, lambda: self._client.remove_object(self.bucket, name))

    async def keys(self, prefix: str) -> list[str]:
        return await self._run(prefix, lambda: self._list(prefix))

    def _read(self, key: str) -> bytes:
        data = io.BytesIO()
        self._copy(key, data)
        return data.getvalue()

    def _copy(self, key: str, into: BinaryIO) -> None:
        response = self._client.get_object(self.bucket, key)
        try:
            shutil.copyfileobj(response, into)
        finally:
            response.close()
            response.release_conn()

    def _list(self, prefix: str) -> list[str]:
        entries = self._client.list_objects(self.bucket, prefix, recursive=True)
        return sorted(entry.object_name for entry in entries)

    def _create_bucket_once(self) -> None:
        if not self._bucket_known and not self._client.bucket_exists(self.bucket):
            try:
                self._client.make_bucket(self.bucket)
            except S3Error as error:
                if error.code not in CREATED_BY_ANOTHER:
                    raise
        self._bucket_known = True

    async def _run(self, key: str, call: Callable[[], Result]) -> Result:
        return await asyncio.to_thread(self._guarded, key, call)

    def _guarded(self, key: str, call: Callable[[], Result]) -> Result:
        try:
            self._create_bucket_once()
            return call()
        except S3Error as error:
            raise self._meaning(error, key) from error
        except (MinioException, urllib3.exceptions.HTTPError, OSError) as error:
            raise Retryable(f"S3 cannot be reached: {error}") from error

    def _meaning(self, error: S3Error, key: str) -> Exception:
        if error.code in MISSING:
            return ObjectMissing(key)
        if error.code in REFUSED:
            return Refused(
                f"S3 refuses bucket {self.bucket}: {error.code}. Correct S3_ACCESS_KEY and S3_SECRET_KEY, what they "
                f"are allowed to do there, or this machine's clock."
            )
        return Retryable(f"S3 answered {error.code} for {key} in bucket {self.bucket}")


def open_store(settings: ObjectStoreSettings) -> FileStore:
    """The object store that the settings name."""
    return S3Store(settings) if settings.object_store == "s3" else FolderStore(settings.object_store_dir)
