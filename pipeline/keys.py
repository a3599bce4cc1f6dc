"""Keys as settings spell them. Production has no defaults: the well-known keys of development are refused there."""

from pipeline.errors import BadSetting
from pipeline.notes import BadVerifierKey, NoteSigner, VerifierKey, read_verifier_key
from pipeline.settings import GatewaySettings, NotarySettings

KEY_BYTES = 32
DEVELOPMENT_NOTARY_KEY = "00" * 31 + "02"


def key_of_hex(text: str, setting: str) -> bytes:
    """32 bytes. Raises BadSetting."""
    try:
        key = bytes.fromhex(text)
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        raise BadSetting(f"{setting}: expected 32 bytes in hex (64 digits)")
    return key


def notary_signer(settings: NotarySettings) -> NoteSigner:
    """What signs checkpoints. Raises BadSetting for a key that is missing, malformed or everybody's."""
    given = settings.notary_key
    if settings.mode == "production" and given in ("", DEVELOPMENT_NOTARY_KEY):
        raise BadSetting("NOTARY_KEY: production needs an Ed25519 private key of its own, 32 bytes in hex")
    return NoteSigner(settings.notary_origin, key_of_hex(given or DEVELOPMENT_NOTARY_KEY, "NOTARY_KEY"))


def notary_public_keys(settings: GatewaySettings) -> tuple[VerifierKey, ...]:
    """Whose checkpoints are served, the current key first; in development the well-known one unless told otherwise.

    Raises BadSetting.
    """
    texts = [text for text in map(str.strip, settings.notary_public_keys.split(",")) if text]
    try:
        keys = tuple(map(read_verifier_key, texts))
    except BadVerifierKey as error:
        raise BadSetting(f"NOTARY_PUBLIC_KEYS: {error}") from None
    if keys or settings.mode == "production":
        return keys
    origin = NotarySettings.model_fields["notary_origin"].default
    return (NoteSigner(origin, bytes.fromhex(DEVELOPMENT_NOTARY_KEY)).verifier,)
