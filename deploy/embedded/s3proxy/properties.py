"""The configuration of S3Proxy over a plain folder (pure)."""

from __future__ import annotations

from pathlib import Path


def s3proxy_properties(port: int, folder: Path, access_key: str, secret_key: str) -> str:
    """The text of the properties file: S3 on 127.0.0.1:`port`, buckets as folders of `folder`."""
    settings: dict[str, object] = {
        "s3proxy.endpoint": f"http://127.0.0.1:{port}",
        "s3proxy.authorization": "aws-v2-or-v4",
        "s3proxy.identity": access_key,
        "s3proxy.credential": secret_key,
        "jclouds.provider": "filesystem-nio2",
        "jclouds.filesystem.basedir": folder,
        # The folder backend has no accounts of its own, yet the library wants both set.
        "jclouds.identity": "unused",
        "jclouds.credential": "unused",
    }
    return "".join(f"{name}={value}\n" for name, value in settings.items())
