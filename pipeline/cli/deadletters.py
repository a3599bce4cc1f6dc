"""`dlq`: look at dead letters, put them back for the group that refused them, or set them aside."""

import inspect
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import wraps
from typing import Annotated, Any

import typer
from rich.table import Table

from pipeline.cli.changes import By, actor_of, answer_of
from pipeline.cli.terminal import WRONG_USAGE, Json, err, fail, out
from pipeline.cli.times import time_option
from pipeline.clock import now_us
from pipeline.letterbox import LETTER_TOPICS, Filed, Letterbox, letterbox
from pipeline.letters import Letter, Place, Wanted, place_of
from pipeline.settings import KafkaSettings, load
from schemas.codec import UndecodableRecord, decode, plain

AT_ONCE = 200
MOST_REASON = 60
PREVIEW_BYTES = 400
dlq_app = typer.Typer(no_args_is_help=True, help="Dead letters: list, show, redrive, drop.")

Places = Annotated[list[str] | None, typer.Argument(help="Letters, as `list` names them: TOPIC.dlq/PARTITION/OFFSET.")]
Topic = Annotated[str, typer.Option(help="Topic that the records came from.")]
Group = Annotated[str, typer.Option(help="Consumer group that refused them.")]
ErrorType = Annotated[str, typer.Option("--error", help="Type of the error, as Invalid or UndecodableRecord.")]
Key = Annotated[str, typer.Option(help="Key of the record: the trace id.")]
Since = Annotated[int | None, time_option("--since", means="Refused at this time or later.")]
Until = Annotated[int | None, time_option("--until", means="Refused at this time or earlier.")]
Offsets = Annotated[str, typer.Option(help="Offsets of the letters, FIRST-LAST; within --topic.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")]
Again = Annotated[bool, typer.Option("--again", help="Also those that were redriven or dropped before.")]
EveryOne = Annotated[bool, typer.Option("--all", help="Every pending letter, where no filter is given.")]


def _wanted(
    letters: Places = None,
    topic: Topic = "",
    group: Group = "",
    error: ErrorType = "",
    key: Key = "",
    since: Since = None,
    until: Until = None,
    offsets: Offsets = "",
) -> Wanted:
    """The letters that the options mean; its parameters are the options of each command that is `filtered`."""
    if topic and topic not in LETTER_TOPICS:
        raise fail(f"no dead letters of {topic}; there may be of: {', '.join(LETTER_TOPICS)}", WRONG_USAGE)
    first, last = _range(offsets, topic)
    return Wanted(topic, group, error, key, since, until, first, last, frozenset(map(_place, letters or ())))


def _filtered(command: Callable[..., None]) -> Callable[..., None]:
    """The command with the options of `_wanted` in the place of its first parameter, which is given their letters."""
    filters, own = (inspect.signature(function).parameters for function in (_wanted, command))

    @wraps(command)
    def run(**given: Any) -> None:
        command(_wanted(**{name: given.pop(name) for name in filters}), **given)

    shown = [*filters.values(), *list(own.values())[1:]]
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in shown}
    run.__signature__ = inspect.Signature(shown)  # type: ignore[attr-defined]
    return run


def _range(offsets: str, topic: str) -> tuple[int | None, int | None]:
    if not offsets:
        return None, None
    first, _, last = offsets.partition("-")
    if not (topic and first.isdigit() and (last or first).isdigit()):
        raise fail("--offsets is FIRST-LAST, and needs --topic", WRONG_USAGE)
    return int(first), int(last or first)


def _place(text: str) -> Place:
    try:
        return place_of(text)
    except ValueError:
        raise fail(f"{text} is no letter; one is TOPIC.dlq/PARTITION/OFFSET, see `pr-telemetry dlq list`", 2) from None


async def _found(box: Letterbox, wanted: Wanted) -> list[Filed]:
    return [filed async for filed in box.letters(wanted)]


@dlq_app.command("list")
@_filtered
def list_letters(
    wanted: Wanted,
    every_state: Annotated[bool, typer.Option("--all", help="Redriven and dropped ones, too.")] = False,
    json: Json = False,
) -> None:
    """List the letters that nothing was decided about yet, oldest first within each partition."""

    async def work() -> list[dict[str, Any]]:
        async with letterbox(load(KafkaSettings), now_us) as box:
            # Without their values, which may be many megabytes together.
            return [_line(filed) async for filed in box.letters(wanted) if every_state or filed.pending]

    lines = answer_of(work)
    if json:
        out.print_json(data=lines)
        return
    table = Table("letter", "state", "group", "error", "key", "since", "reason", box=None)
    for line in lines:
        cells = (line["letter"], line["state"], line["group"], line["error"], line["key"], line["at"], line["reason"])
        table.add_row(*(cell[:MOST_REASON] for cell in cells))
    out.print(table)
    err.print("1 letter" if len(lines) == 1 else f"{len(lines)} letters", highlight=False)


def _line(filed: Filed) -> dict[str, Any]:
    letter = filed.letter
    return {
        "letter": str(letter.place),
        "state": filed.state,
        "origin": str(letter.origin or ""),
        "group": letter.group,
        "stage": letter.stage,
        "error": letter.error,
        "reason": letter.reason,
        "key": letter.key.decode(errors="replace"),
        "at": datetime.fromtimestamp(letter.at_ms / 1000, UTC).isoformat(timespec="seconds"),
        "size": len(letter.value or b""),
        "redrive_of": letter.redrive_of,
    }


@dlq_app.command("show")
def show(letter: Annotated[str, typer.Argument(help="TOPIC.dlq/PARTITION/OFFSET.")]) -> None:
    """Show one letter as JSON: where it came from, why it was refused, and the record as far as it can be read."""
    place = _place(letter)

    async def work() -> list[Filed]:
        async with letterbox(load(KafkaSettings), now_us) as box:
            return await _found(box, _wanted([letter], place.topic.removesuffix(".dlq")))

    found = answer_of(work)
    if not found:
        raise fail(f"there is no letter {letter}")
    kept = {name: value.decode(errors="replace") for name, value in found[0].letter.headers}
    out.print_json(data=_line(found[0]) | {"headers": kept, **_content(found[0].letter.value)}, default=_text)


def _content(value: bytes | None) -> dict[str, Any]:
    try:
        record = decode(value)
    except UndecodableRecord as error:
        return {"undecodable": str(error), "first_bytes": (value or b"")[:PREVIEW_BYTES].hex()}
    return {"record": type(record).__name__, "fields": plain(record)}


def _text(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.hex()


Decide = Callable[[Letterbox, Sequence[Letter]], Any]


@dlq_app.command("redrive")
@_filtered
def redrive(
    wanted: Wanted,
    every_one: EveryOne = False,
    again: Again = False,
    dry_run: DryRun = False,
    by: By = "",
    json: Json = False,
) -> None:
    """Put records back on their topic for the group that refused them; the others pass them over.

    A letter goes back once; a second time needs --again, and does no harm.
    """
    _refuse_unless_chosen(wanted, every_one)

    async def decide(box: Letterbox, some: Sequence[Letter]) -> list[str]:
        return [str(place) for place in await box.redrive(some, actor_of(by))]

    _show_done(
        answer_of(lambda: _each(wanted, again, None if dry_run else decide, _no_way_back)), "redriven", dry_run, json
    )


@dlq_app.command("drop")
@_filtered
def drop(
    wanted: Wanted,
    reason: Annotated[str, typer.Option(help="Why; kept in the audit trail.")] = "",
    every_one: EveryOne = False,
    dry_run: DryRun = False,
    by: By = "",
    json: Json = False,
) -> None:
    """Note that nothing is to be done about letters: `list` shows them no more. They stay until their retention."""
    _refuse_unless_chosen(wanted, every_one)

    async def decide(box: Letterbox, some: Sequence[Letter]) -> list[str]:
        await box.drop(some, actor_of(by), reason)
        return [""] * len(some)

    _show_done(
        answer_of(lambda: _each(wanted, False, None if dry_run else decide, lambda _: "")), "dropped", dry_run, json
    )


def _refuse_unless_chosen(wanted: Wanted, every_one: bool) -> None:
    if wanted == Wanted() and not every_one:
        raise fail("name letters, give a filter, or say --all", WRONG_USAGE)


def _no_way_back(letter: Letter) -> str:
    return "" if letter.origin and letter.group else "it does not say where it came from"


async def _each(
    wanted: Wanted, again: bool, decide: Decide | None, obstacle: Callable[[Letter], str]
) -> list[dict[str, Any]]:
    """Decide about the wanted letters in portions; what became of each. Without `decide` nothing is done."""
    lines: list[dict[str, Any]] = []
    async with letterbox(load(KafkaSettings), now_us) as box:
        portion: list[tuple[Letter, dict[str, Any]]] = []

        async def settle() -> None:
            if decide and portion:
                for (_, line), place in zip(portion, await decide(box, [letter for letter, _ in portion]), strict=True):
                    line.update({"done": True} | ({"place": place} if place else {}))
            portion.clear()

        async for filed in box.letters(wanted):
            line = _line(filed) | {"done": False}
            lines.append(line)
            if refused := obstacle(filed.letter) or ("" if again or filed.pending else f"{filed.state} before"):
                line["refused"] = refused
                continue
            portion.append((filed.letter, line))
            if len(portion) >= AT_ONCE:
                await settle()
        await settle()
    return lines


def _show_done(lines: list[dict[str, Any]], done: str, dry_run: bool, json: bool) -> None:
    # Letters that were decided about before are a refusal only where they were asked for by name or filter.
    refused = [line for line in lines if "refused" in line]
    if json:
        out.print_json(data=lines)
    else:
        for line in lines:
            said = line.get("refused") or (f"{done}{_to(line)}" if line["done"] else f"would be {done}")
            out.print(f"{line['letter']}  {line['group']}: {said}", highlight=False, markup=False, soft_wrap=True)
    err.print(
        f"{len(lines) - len(refused)} {'would be ' if dry_run else ''}{done}, {len(refused)} refused", highlight=False
    )
    if not lines:
        raise fail("there is no such letter")


def _to(line: dict[str, Any]) -> str:
    return f" as {line['place']}" if "place" in line else ""
