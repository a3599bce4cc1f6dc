"""One example of every record, as readable JSON beside this file.

Bytes are written as `{"json": value}` where they are canonical JSON, else as `{"base64": text}`. The examples belong to
one small trace whose digests, chain and document are real.
"""

import base64
import json
from pathlib import Path
from typing import Any

from schemas.codec import build
from schemas.records import RECORDS, Record

FOLDER = Path(__file__).parent


def load_examples() -> dict[str, Record]:
    """Record name -> its example, in the order of RECORDS."""
    return {name: build(record, _fields(FOLDER / f"{name}.json")) for name, record in RECORDS.items()}


def _fields(path: Path) -> dict[str, Any]:
    fields: dict[str, Any] = json.loads(path.read_text(), object_hook=_bytes_or_object)
    return fields


def _bytes_or_object(value: dict[str, Any]) -> Any:
    if value.keys() == {"json"}:
        return json.dumps(value["json"], sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    if value.keys() == {"base64"}:
        return base64.b64decode(value["base64"])
    return value
