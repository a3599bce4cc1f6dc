"""One event of a trace as terminal text. Pure: the stored event in, lines out.

What a trace says comes from anywhere, so nothing of it is read as markup and control characters are shown, not obeyed.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

StoredEvent = Mapping[str, Any]

SHOWN_LINES = 14
NOTE_PARTS = ("plan", "hypothesis", "observation", "decision", "next_step", "text")
STATUS_STYLES = {"passed": "green", "failed": "red", "error": "red", "skipped": "yellow"}
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def printable(text: object) -> str:
    """`text` with its control characters, escape sequences among them, as visible symbols."""
    plain = str(text).replace("\r\n", "\n")
    return _CONTROL.sub(lambda found: chr(0x2400 + ord(found[0])) if ord(found[0]) < 0x20 else "�", plain)


def rendered(event: StoredEvent, started_us: int, numbers: Mapping[str, int]) -> RenderableType:
    """An event: its second since `started_us`, number, type and causes in one line, what it holds indented below.

    `numbers` has the number of each event of the trace by its id.
    """
    seconds = (event["ts_client_us"] - started_us) / 1_000_000
    kind = str(event["type"])
    line = Text.assemble((f"{seconds:+9.1f}s ", "dim"), (f"#{event['seq']:<4}", "bold"), (f"{kind:<15}", "cyan"))
    line.append_text(HEADLINES[kind](event))
    if event.get("caused_by"):
        causes = (f"#{numbers[cause]}" if cause in numbers else printable(cause) for cause in event["caused_by"])
        line.append(f"  ← {' '.join(causes)}", "dim")
    body = BODIES[kind](event)
    return Group(line, Padding(body, (0, 0, 0, 16), expand=False)) if body.plain else line


def diff_text(diff: str) -> Text:
    """A unified diff, coloured by line, whole."""
    lines = printable(diff).rstrip("\n").split("\n")
    return Text("\n").join(Text(line, _diff_style(line)) for line in lines)


def _diff_style(line: str) -> str:
    if line.startswith(("+++", "---", "diff ", "index ")):
        return "bold"
    return {"+": "green", "-": "red", "@": "cyan"}.get(line[:1], "")


def _shortened(text: str, style: str = "dim") -> Text:
    """The beginning and the end of a long output; summaries and errors are usually at its end."""
    lines = printable(text).rstrip("\n").split("\n")
    if len(lines) > SHOWN_LINES:
        half = SHOWN_LINES // 2
        lines = [*lines[:half], f"… {len(lines) - 2 * half} lines left out …", *lines[-half:]]
    return Text("\n".join(lines), style)


def _exit_code(event: StoredEvent) -> Text:
    code = event.get("exit_code")
    return Text() if code is None else Text(f"  exit {code}", "green" if code == 0 else "red")


def _command_line(event: StoredEvent) -> Text:
    first, *more = printable(event["command"]).split("\n")
    return Text(f"$ {first}{' …' if more else ''}").append_text(_exit_code(event))


def _test_line(event: StoredEvent) -> Text:
    counts = ("passed", "green"), ("failed", "red"), ("errors", "red"), ("skipped", "yellow")
    shown = [Text(f"{event[name]} {name}", style) for name, style in counts if event.get(name)]
    line = Text(f"{printable(event['framework'])}: ").append_text(Text(", ").join(shown or [Text("no tests")]))
    return line.append_text(_exit_code(event))


def _output(event: StoredEvent) -> Text:
    reference = event.get("output_ref") or event.get("report_ref")
    return Text(f"output in {reference}", "dim") if reference else _shortened(event.get("output", ""))


def _command_body(event: StoredEvent) -> Text:
    _, *more = printable(event["command"]).split("\n")
    return _joined(Text("\n".join(more)), _output(event))


def _test_body(event: StoredEvent) -> Text:
    broken = [result for result in event.get("results", ()) if result["status"] != "passed"]
    return _joined(*map(_test_result, broken)) if broken else _output(event)


def _test_result(result: StoredEvent) -> Text:
    line = f"{result['status']:<8}{result['id']}  {result.get('message', '')}"
    return Text(printable(line), STATUS_STYLES[result["status"]])


def _note_body(event: StoredEvent) -> Text:
    said = [(part, event[part]) for part in NOTE_PARTS if event.get(part)]
    return _joined(*(Text.assemble((f"{part}: ", "magenta"), printable(text)) for part, text in said))


def _joined(*texts: Text) -> Text:
    return Text("\n").join(text for text in texts if text.plain)


HEADLINES: dict[str, Callable[[StoredEvent], Text]] = {
    "rationale_note": lambda event: Text(", ".join(part for part in NOTE_PARTS if event.get(part)), "magenta"),
    "file_edit": lambda event: Text(printable(event["file_path"]), "bold"),
    "cmd_run": _command_line,
    "test_run": _test_line,
    "commit": lambda event: Text(
        f"{event.get('sha', '')[:12]} {printable(event['message'].partition(chr(10))[0])}", "bold"
    ),
}
BODIES: dict[str, Callable[[StoredEvent], Text]] = {
    "rationale_note": _note_body,
    "file_edit": lambda event: diff_text(event["diff_unified"]),
    "cmd_run": _command_body,
    "test_run": _test_body,
    "commit": lambda event: diff_text(event.get("diff_unified", "")),
}
