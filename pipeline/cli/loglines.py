"""Lines of a process's log as a person reads them: time, service, level, what happened, and its fields. Pure.

What is no JSON line of ours (a broker's, a traceback of the interpreter) is shown as it stands.
"""

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

FIRST = ("timestamp", "service", "level", "event")
PLAIN = re.compile(r"[A-Za-z0-9_.,:;/@+*=~%#()-]+")
NOT_SHOWN = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def readable(line: str) -> str:
    """The line for a person; an error in it follows on lines of its own. No newline at the end."""
    line = line.rstrip("\n")
    try:
        entry = json.loads(line)
    except ValueError:
        return line
    if not isinstance(entry, dict) or not isinstance(entry.get("event"), str):
        return line
    errors = entry.pop("exception", ())
    time, service, level, event = (str(entry.pop(name, "")) for name in FIRST)
    fields = [f"{name}={_value(value)}" for name, value in sorted(entry.items())]
    told = [time.replace("T", " "), f"{service:14}", f"{level:8}", NOT_SHOWN.sub("?", event), *fields]
    return "\n".join([" ".join(told), *_errors(errors)])


def _value(value: Any) -> str:
    """A field's value, quoted where it would not be seen where it ends."""
    if isinstance(value, str):
        return value if PLAIN.fullmatch(value) else NOT_SHOWN.sub("?", json.dumps(value, ensure_ascii=False))
    return json.dumps(value, separators=(",", ":"))


def _errors(errors: Any) -> Iterator[str]:
    """Each error with the places that led to it, outermost first."""
    if isinstance(errors, str):
        yield from (f"    {line}" for line in errors.splitlines())
        return
    for error in errors if isinstance(errors, Sequence) else ():
        for frame in error.get("frames", ()):
            yield f"    {frame['filename']}:{frame['lineno']} {frame['name']}"
        yield f"    {error.get('exc_type')}: {NOT_SHOWN.sub('?', str(error.get('exc_value')))}"
