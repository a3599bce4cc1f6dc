"""JSON for a judge model in which the markers of chat templates cannot be read as markers. Pure.

A server that renders messages into one text may take `<|im_start|>` or `[INST]` inside a string for the border of a
message. Their first character is written as a JSON escape: the same value to whoever parses it, no border to anybody.
"""

import re
from typing import Any

from pipeline.canonical import dumps

# Only inside strings can any of these occur in JSON.
_BORDER = re.compile(
    r"<(?=[|\uff5c])"
    r"|<(?=<?/?(?:s|sys|eos|bos|end_of_turn|start_of_turn|system|user|assistant|human|tool|think)>)"
    r"|\[(?=/?(?:INST|SYSTEM_PROMPT|AVAILABLE_TOOLS|TOOL_RESULTS|TOOL_CALLS)\])",
    re.IGNORECASE,
)


def as_data(value: Any) -> str:
    """Canonical JSON of the value, but for the escapes."""
    return _BORDER.sub(lambda found: f"\\u{ord(found[0]):04x}", dumps(value).decode())
