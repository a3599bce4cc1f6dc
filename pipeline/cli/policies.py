"""`policy`, `policies`: what a project's traces may be used for, and which personal data are redacted in them."""

from collections.abc import Sequence
from typing import Annotated

import typer
from rich.table import Table

from pipeline.access import PROJECT
from pipeline.cli.changes import By, actor_of, answer_of, change, current_view
from pipeline.cli.terminal import WRONG_USAGE, Json, fail, note, out
from pipeline.clock import now_us
from pipeline.policies import POLICY_CONSENTS, policy_key
from pipeline.redaction.rules import personal_rules
from schemas.records import ProjectPolicy

NONE = "none"
REDACT_HELP = (
    "Personal data to redact besides secrets: email, home-path, user-name, or none; may be repeated. "
    "Not given: what is recorded already."
)


def policy(
    project: str,
    consent: Annotated[str, typer.Argument(help=f"One of: {', '.join(POLICY_CONSENTS)}.")],
    redact: Annotated[list[str] | None, typer.Option(help=REDACT_HELP)] = None,
    by: By = "",
) -> None:
    """Set what a project's traces may be used for where the client does not say, and what personal data is redacted.

    It holds from now on, at every gateway within seconds.
    """
    if consent not in POLICY_CONSENTS:
        raise fail(f"no consent {consent}; there are: {', '.join(POLICY_CONSENTS)}", WRONG_USAGE)
    if not PROJECT.fullmatch(project):
        raise fail("a project has 1 to 64 letters, digits, dots, dashes and underscores", WRONG_USAGE)
    rules = _checked(redact or ()) or _recorded(project)
    actor, hidden = actor_of(by), () if rules == [NONE] else tuple(sorted(set(rules)))
    record = ProjectPolicy(project=project, consent=consent, recorded_by=actor, recorded_at_us=now_us(), redact=hidden)
    detail = {"consent": consent, "redact": ",".join(hidden)}
    entry = {"actor": actor, "action": "policy set", "subject": f"policy/{project}", "detail": detail}
    answer_of(lambda: change(policy_key(project), record, project=project, **entry))
    note(f"{project}: consent {consent}; redacted besides secrets: {', '.join(hidden) or NONE}")


def _checked(rules: Sequence[str]) -> list[str]:
    """The rules as given. Whatever is no rule, or `none` beside one, is refused."""
    unknown = set(rules) - personal_rules() - {NONE}
    if unknown or (NONE in rules and len(rules) > 1):
        raise fail(f"--redact is {NONE}, or some of: {', '.join(sorted(personal_rules()))}", WRONG_USAGE)
    return list(rules)


def _recorded(project: str) -> list[str]:
    """A new consent must not show what was hidden before."""
    return sorted(answer_of(current_view).personal_rules(project))


def policies(json: Json = False) -> None:
    """Show the recorded policy of every project."""
    view = answer_of(current_view)
    recorded = sorted(view.policies.items())
    if json:
        out.print_json(data=[{"project": p, "consent": r.consent, "redact": sorted(r.redact)} for p, r in recorded])
        return
    table = Table("project", "consent", "redact", box=None)
    for project, held in recorded:
        table.add_row(project, held.consent, ", ".join(sorted(held.redact)))
    out.print(table)
