"""`python -m schemas.release`: keep today's schemas in avro/history/ and publish the event types' JSON Schemas.

Run it after any change of a schema or an event type; a unit test fails until it was.
"""

import json
from pathlib import Path

from schemas.codec import AVRO, current_schema, schema_fingerprint
from schemas.events import EVENT_TYPES, json_schema
from schemas.records import RECORDS

JSON_SCHEMAS = Path(__file__).parent / "json"


def released_files() -> dict[Path, str]:
    """Path -> text of everything that is derived from today's contract."""
    files = {}
    for name in RECORDS:
        schema = current_schema(name)
        path = AVRO / "history" / f"{name}.{schema_fingerprint(schema).hex()}.avsc"
        files[path] = json.dumps(schema, indent=2) + "\n"
    for event_type in EVENT_TYPES:
        files[JSON_SCHEMAS / f"{event_type}.schema.json"] = json.dumps(json_schema(event_type), indent=2) + "\n"
    return files


def main() -> None:
    for path, text in released_files().items():
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)


if __name__ == "__main__":
    main()
