"""How events become chunks the server takes: big outputs move into artifacts, the rest is cut by count and bytes."""

from collections.abc import Callable, Iterable, Iterator

import orjson

from clients.problems import EventTooLarge
from clients.recorded import ClientEvent

MAX_OUTPUT_BYTES = 32 * 1024
# The server takes 256 KiB after redaction; placeholders can be longer than the secrets they stand for.
MAX_CHUNK_BYTES = 200 * 1024
MAX_CHUNK_EVENTS = 500
OUTPUT_REFERENCE = {"cmd_run": "output_ref", "test_run": "report_ref"}


def outputs_moved(events: Iterable[ClientEvent], store: Callable[[str, str], str]) -> Iterator[ClientEvent]:
    """The events, each output above the limit replaced by the reference that `store(event_id, output)` gives for it."""
    for event in events:
        reference = OUTPUT_REFERENCE.get(event["type"], "")
        output = event.get("output") or ""
        if reference and reference not in event and len(output.encode()) > MAX_OUTPUT_BYTES:
            kept = {name: value for name, value in event.items() if name != "output"}
            yield kept | {reference: store(event["id"], output)}
        else:
            yield event


def split(events: Iterable[ClientEvent]) -> Iterator[list[ClientEvent]]:
    """The events in order, in chunks that hold at most `MAX_CHUNK_EVENTS` and `MAX_CHUNK_BYTES` of JSON.

    Raises EventTooLarge for an event that fits into no chunk.
    """
    chunk: list[ClientEvent] = []
    filled = 0
    for event in events:
        size = len(orjson.dumps(event)) + 1
        if size > MAX_CHUNK_BYTES:
            raise EventTooLarge(str(event["id"]), size, MAX_CHUNK_BYTES)
        if chunk and (filled + size > MAX_CHUNK_BYTES or len(chunk) == MAX_CHUNK_EVENTS):
            yield chunk
            chunk, filled = [], 0
        chunk.append(event)
        filled += size
    if chunk:
        yield chunk
