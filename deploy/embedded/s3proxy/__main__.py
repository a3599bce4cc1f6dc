"""`python -m deploy.embedded.s3proxy --port P --data-dir D`: becomes S3Proxy.

The credentials come from S3_ACCESS_KEY and S3_SECRET_KEY. As with the embedded broker, this process is replaced by
Java, so signals and process id are the server's own. Exit status 1 with one line on stderr when it cannot start.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from deploy.embedded.jars import JarsUnavailable, classpath, find_jars, java_command, launcher_arguments, say_on_stderr
from deploy.embedded.s3proxy.properties import s3proxy_properties

POM = Path(__file__).with_name("pom.xml")
_HEAP_MB = 256


def main() -> int:
    """Fetches the jars where missing, then becomes the server (or returns 0: fetch only)."""
    arguments = launcher_arguments("deploy.embedded.s3proxy", __doc__, POM, Path("s3-data"))
    try:
        jars = find_jars(POM, arguments.jars_dir, say_on_stderr)
        if not arguments.fetch_only:
            _become_server(java_command(), classpath(jars), arguments.port, arguments.data_dir.absolute())
    except JarsUnavailable as problem:
        say_on_stderr(f"s3proxy: {problem}")
        return 1
    except KeyError as missing:
        say_on_stderr(f"s3proxy: the environment variable {missing} is not set")
        return 1
    return 0


def _become_server(java: str, jars: str, port: int, data_dir: Path) -> None:
    access_key, secret_key = os.environ["S3_ACCESS_KEY"], os.environ["S3_SECRET_KEY"]
    buckets = data_dir / "buckets"
    buckets.mkdir(parents=True, exist_ok=True)
    properties = data_dir / "s3proxy.conf"
    properties.touch(mode=0o600)  # it holds the secret key
    properties.write_text(s3proxy_properties(port, buckets, access_key, secret_key))
    options = [f"-Xmx{_HEAP_MB}m", "-XX:+UseSerialGC", f"-Dlogback.configurationFile={POM.with_name('logback.xml')}"]
    os.execv(java, [java, *options, "-cp", jars, "org.gaul.s3proxy.Main", "--properties", str(properties)])


if __name__ == "__main__":
    sys.exit(main())
