"""TLS contexts from the settings' files. A file that cannot be used is refused with its variable's name."""

import ssl
from pathlib import Path

from pipeline.errors import BadSetting
from pipeline.settings import GatewaySettings, KafkaSettings


def trusting(ca_file: Path | None, variable: str) -> ssl.SSLContext:
    """A client's context: certificate and host name are checked, against the system's authorities where none is given.

    Raises BadSetting where the file holds no certificate.
    """
    try:
        return ssl.create_default_context(cafile=ca_file)
    except (ssl.SSLError, OSError) as error:
        raise BadSetting(f"Bad setting. {variable}: {ca_file} holds no CA certificate in PEM: {error}") from None


def kafka_context(kafka: KafkaSettings) -> ssl.SSLContext | None:
    """The context of connections to the brokers; None where they are in the clear. Raises BadSetting."""
    if not kafka.over_tls:
        return None
    context = trusting(kafka.kafka_ca_file, "KAFKA_CA_FILE")
    if kafka.kafka_cert_file and kafka.kafka_key_file:
        _show(context, kafka.kafka_cert_file, kafka.kafka_key_file, "KAFKA_CERT_FILE, KAFKA_KEY_FILE")
    return context


def gateway_context(settings: GatewaySettings) -> ssl.SSLContext | None:
    """The context that the gateway serves with; None where it serves HTTP in the clear. Raises BadSetting."""
    if settings.gateway_tls_cert is None or settings.gateway_tls_key is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    _show(context, settings.gateway_tls_cert, settings.gateway_tls_key, "GATEWAY_TLS_CERT, GATEWAY_TLS_KEY")
    return context


def _show(context: ssl.SSLContext, certificate: Path, key: Path, variables: str) -> None:
    try:
        # An empty passphrase, or OpenSSL asks for one on the terminal.
        context.load_cert_chain(certificate, key, password="")
    except (ssl.SSLError, OSError) as error:
        raise BadSetting(f"Bad setting. {variables}: no certificate with its unencrypted key in PEM: {error}") from None
