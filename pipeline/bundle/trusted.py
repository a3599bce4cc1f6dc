"""What a verifier keeps in files: public keys of either kind, checkpoints, receipts. Pure: bytes in, values out."""

from collections.abc import Iterable
from typing import Any

from pipeline.bundle.form import BadBundle, read_bundle
from pipeline.canonical import loads
from pipeline.notes import BadVerifierKey, VerifierKey, read_verifier_key
from pipeline.receipts import BadKeys, read_keys

Keys = tuple[tuple[VerifierKey, ...], dict[str, bytes]]
"""Those of notaries, and those of receipts by key id."""


def read_trusted_keys(content: bytes) -> Keys:
    """The keys in a file: vkeys, one a line, or either of the gateway's key documents. Raises BadKeys."""
    try:
        text = content.decode()
        document = loads(text) if text.lstrip().startswith("{") else None
        if document is None:
            return tuple(read_verifier_key(line) for line in text.split("\n") if line.strip()), {}
        vkeys = [key["vkey"] for key in document["keys"] if "vkey" in key]
        if vkeys:
            return tuple(map(read_verifier_key, vkeys)), {}
    except (BadVerifierKey, ValueError, LookupError, TypeError, AttributeError) as error:
        raise BadKeys(f"there are no public keys in it: {error}") from None
    return (), read_keys(document)


def merged(all_keys: Iterable[Keys]) -> Keys:
    """The keys of several files."""
    found = list(all_keys)
    notaries = tuple(dict.fromkeys(key for keys, _ in found for key in keys))
    return notaries, {key_id: key for _, keys in found for key_id, key in keys.items()}


def read_held_checkpoint(content: bytes) -> str:
    """The checkpoint that somebody kept: a note, or an earlier bundle with one in it. Raises BadBundle."""
    if content.lstrip().startswith(b"{"):
        return read_bundle(content).checkpoint
    try:
        return content.decode()
    except UnicodeDecodeError:
        raise BadBundle("this is neither a checkpoint nor a bundle") from None


def read_receipts(content: bytes) -> tuple[Any, ...]:
    """The receipts in a file, one or an array. Raises BadBundle."""
    try:
        found = loads(content)
    except ValueError:
        raise BadBundle("this is no receipt: it is not JSON") from None
    return tuple(found) if isinstance(found, list) else (found,)
