"""A broker that lets in nobody without TLS and a password: the same jars, with a server.properties of the tests."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deploy.embedded.jars import cache_folder, classpath, find_jars, java_command, say_on_stderr
from deploy.embedded.kafka.__main__ import POM
from deploy.embedded.kafka.properties import server_properties
from deploy.embedded.kafka.storage import new_cluster_id
from pipeline.settings import KafkaSettings
from tests.support.certificates import Authority, make_authority
from tests.support.ports import accepts_connections, free_port
from tests.support.processes import running

USER = "pr-telemetry"
PASSWORD = "-".join(("password", "of", "the", "tests"))


@dataclass(frozen=True)
class SecuredBroker:
    """Where it listens for passwords (`bootstrap`) and for client certificates (`mutual`), and what signed it."""

    bootstrap: str
    mutual: str
    authority: Authority

    def settings(self, **change: Any) -> KafkaSettings:
        """Settings with which it lets us in, but for what is changed."""
        access = {
            "kafka_bootstrap": self.bootstrap,
            "kafka_security": "sasl_ssl",
            "kafka_sasl_user": USER,
            "kafka_sasl_password": PASSWORD,
            "kafka_ca_file": self.authority.ca,
        }
        return KafkaSettings.model_validate({**access, **change})


@contextmanager
def secured_broker(folder: Path) -> Iterator[SecuredBroker]:
    """SASL_SSL with PLAIN and both kinds of SCRAM, one user; and SSL for those who show a certificate."""
    authority, port, mutual = make_authority(folder), free_port(), free_port()
    properties = folder / "server.properties"
    properties.write_text(_properties(port, mutual, folder, authority))
    java, jars = java_command(), classpath(find_jars(POM, cache_folder(POM, os.environ), say_on_stderr))
    _format(java, jars, properties)
    command = [java, "-Xmx384m", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-cp", jars, "kafka.Kafka"]
    with running([*command, str(properties)], folder / "kafka.log", lambda: accepts_connections(port)):
        yield SecuredBroker(f"127.0.0.1:{port}", f"127.0.0.1:{mutual}", authority)


def _format(java: str, jars: str, properties: Path) -> None:
    tool = [java, "-cp", jars, "-XX:TieredStopAtLevel=1", "kafka.tools.StorageTool", "format", "-c", str(properties)]
    users = [f"--add-scram={kind}=[name={USER},password={PASSWORD}]" for kind in ("SCRAM-SHA-256", "SCRAM-SHA-512")]
    command = [*tool, f"--cluster-id={new_cluster_id()}", *users]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


def _properties(port: int, mutual: int, folder: Path, authority: Authority) -> str:
    login = "org.apache.kafka.common.security"
    plain = f'{login}.plain.PlainLoginModule required user_{USER}="{PASSWORD}";'
    scram = f"{login}.scram.ScramLoginModule required;"
    kinds = {"plain": plain, "scram-sha-256": scram, "scram-sha-512": scram}
    keystore = folder / "broker.pem"
    keystore.write_bytes(authority.key.read_bytes() + authority.certificate.read_bytes())
    settings = {
        "listener.security.protocol.map": "SECURED:SASL_SSL,MUTUAL:SSL,PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512",
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": str(keystore),
        "listener.name.mutual.ssl.client.auth": "required",
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": str(authority.ca),
        **{f"listener.name.secured.{kind}.sasl.jaas.config": module for kind, module in kinds.items()},
    }
    inner = server_properties(free_port(), free_port(), folder / "log")
    listeners = f"listeners=SECURED://127.0.0.1:{port},MUTUAL://127.0.0.1:{mutual},PLAINTEXT:"
    outer = inner.replace("listeners=PLAINTEXT:", listeners)
    return outer + "".join(f"{name}={value}\n" for name, value in settings.items())
