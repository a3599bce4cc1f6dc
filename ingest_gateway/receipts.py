"""Receipts: the server's signed word that the log has a chunk. Verifiable offline with the public key alone."""

import base64
from collections.abc import Iterable
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from pipeline.canonical import dumps
from pipeline.chain import receipt_statement
from pipeline.receipts import key_id, published
from schemas.records import EventsAppended


class Signer:
    """Signs receipt statements with Ed25519 (RFC 8032); `published` are the keys that check its receipts.

    `retired`: public keys of earlier signers, whose receipts stay checkable.
    """

    def __init__(self, seed: bytes, retired: Iterable[bytes] = ()) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(seed)
        self.public_key = self._key.public_key().public_bytes_raw()
        self.key_id = key_id(self.public_key)
        self.published = published(self.public_key, retired)

    def receipt(self, chunk: EventsAppended, partition: int, offset: int) -> dict[str, Any]:
        """The statement about a chunk in the log, with `key_id` and `signature` (base64 of 64 bytes)."""
        statement = receipt_statement(chunk, partition, offset)
        signature = base64.b64encode(self._key.sign(dumps(statement))).decode()
        return {**statement, "key_id": self.key_id, "signature": signature}
