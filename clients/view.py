"""The answer of `GET /v1/traces/{id}` printed so that a person can follow it.

Who and what, the timeline, integrity, verdict, and the grades with the events they cite. What has not come yet is said
to be on its way.
"""

from collections.abc import Mapping
from typing import Any

from rich.console import Console, Group
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from clients.timeline import STATUS_STYLES, printable, rendered

Document = Mapping[str, Any]

VERDICT_STYLES = {"fixed": "bold green", "not_fixed": "bold red", "regressed": "bold red"}


def print_trace(document: Document, console: Console) -> None:
    """Print a whole trace to `console`."""
    _print_head(console, document)
    _print_timeline(console, document)
    _print_integrity(console, document.get("integrity") or {})
    qa = document.get("qa") or {}
    _print_verdict(console, qa.get("validation") or {})
    _print_grades(console, qa.get("judge") or {})


def _print_head(console: Console, document: Document) -> None:
    task, repo = document.get("task") or {}, document.get("repo") or {}
    session, metrics = document.get("session") or {}, document.get("metrics") or {}
    console.rule(Text(printable(task.get("title", document["trace_id"])), "bold"))
    rows = {
        "trace": f"{document['trace_id']}  revision {document.get('revision', '-')}",
        "stage": " ".join(str(document[name]) for name in ("stage", "outcome") if document.get(name)),
        "task": task.get("id"),
        "participant": session and f"{session.get('participant_id', '-')}  consent: {session.get('consent', '-')}",
        "repository": repo and f"{repo.get('origin', '-')} at {repo.get('start_commit') or 'an unknown commit'}",
        "environment": ", ".join(f"{name} {value}" for name, value in (document.get("environment") or {}).items()),
        "metrics": ", ".join(f"{name} {value}" for name, value in metrics.items() if isinstance(value, int | float)),
        "artifacts": ", ".join(document.get("artifacts") or {}),
    }
    table = Table.grid(padding=(0, 2))
    for name, value in rows.items():
        if value:
            table.add_row(Text(name, "dim"), Text(printable(value)))
    console.print(table)
    if task.get("description"):
        console.print(Text("\n" + printable(task["description"]).strip()))


def _print_timeline(console: Console, document: Document) -> None:
    events = document.get("events") or []
    _heading(console, f"Timeline: {len(events)} events")
    numbers = {event["id"]: event["seq"] for event in events}
    for event in events:
        console.print(rendered(event, events[0]["ts_client_us"], numbers))


def _print_integrity(console: Console, integrity: Document) -> None:
    _heading(console, "Integrity")
    if not integrity:
        return _print_pending(console)
    words = [f"{name}: {'yes' if integrity.get(name) else 'NO'}" for name in ("intact", "complete")]
    style = "green" if integrity.get("intact") and integrity.get("complete") else "bold red"
    console.print(Text(f"{printable(integrity.get('status', ''))}  {'  '.join(words)}".strip(), style))
    console.print(Text(f"head {printable(integrity.get('head') or integrity.get('event_hash_chain') or '-')}", "dim"))
    for finding in integrity.get("findings") or ():
        where = ", ".join(map(str, finding.get("offsets") or "-"))
        line = f"{finding['kind']} at offset {where}: {finding.get('detail', '')}"
        console.print(Text(printable(line), "red"))
    return None


def _print_verdict(console: Console, validation: Document) -> None:
    _heading(console, "Verdict of the sandbox")
    if not validation:
        return _print_pending(console)
    verdict = str(validation.get("verdict"))
    line = Text(printable(verdict), VERDICT_STYLES.get(verdict, "bold yellow"))
    line.append("".join(f"  {printable(validation[name])}" for name in ("level", "reason") if validation.get(name)), "")
    line.append(f"  {validation.get('tests_passed', 0)} passed, {validation.get('tests_failed', 0)} failed", "dim")
    console.print(line)
    if (claims := validation.get("claims_reproduced")) is not None:
        said = f"{validation.get('claims_compared', 0)} test results that the client reported were compared: "
        console.print(
            Text(said, "dim").append("all reproduced" if claims else "not reproduced", "" if claims else "red")
        )
    if validation.get("tests"):
        console.print(_tests(validation["tests"]))
    return None


def _tests(tests: list[Document]) -> Table:
    table = Table(box=None, header_style="dim")
    table.add_column("test", overflow="fold")  # cut short, two cases of one test would look the same
    for name in ("before", "after", "category"):
        table.add_column(name, no_wrap=True)
    for test in tests:
        outcomes = (str(test.get(moment) or "-") for moment in ("before", "after"))
        coloured = (Text(printable(outcome), STATUS_STYLES.get(outcome, "")) for outcome in outcomes)
        table.add_row(Text(printable(test["id"])), *coloured, Text(printable(test.get("category") or "-")))
    return table


def _print_grades(console: Console, judge: Document) -> None:
    _heading(console, "Grades")
    if not judge:
        return _print_pending(console)
    overall = judge.get("overall")
    line = Text(f"{'no score' if overall is None else f'{overall:g} of 5'}", "bold")
    line.append(f"  rubric {printable(judge.get('rubric', '-'))}, judge {printable(judge.get('judge', '-'))}", "dim")
    if judge.get("reason"):
        line.append(f"  {printable(judge.get('outcome', ''))}: {printable(judge['reason'])}", "yellow")
    console.print(line)
    for criterion, score in (judge.get("scores") or {}).items():
        console.print(_grade(criterion, score))
    return None


def _grade(criterion: str, score: Document) -> Group:
    """The grade and what it rests on in one line, the reasons in full width below."""
    line = Text.assemble((f"{score.get('grade', '-')}  ", "bold"), (printable(criterion), "cyan"))
    line.append("".join(f" #{seq}" for seq in score.get("cited_seqs") or ()), "dim")
    return Group(line, Padding(Text(printable(score.get("rationale") or "")), (0, 0, 0, 3)))


def _heading(console: Console, text: str) -> None:
    console.print()
    console.print(Text(text, "bold underline"))


def _print_pending(console: Console) -> None:
    console.print(Text("still on its way", "yellow"))
