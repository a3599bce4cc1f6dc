"""`key`, `token`: who may do what. Each change goes to `control`, with an entry in the audit trail."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.table import Table

from pipeline.access import (
    EVERY_PROJECT,
    PROJECT,
    ROLES,
    SUBJECT_KINDS,
    fingerprint,
    key_topic_key,
    new_key,
    new_key_id,
    revocation_topic_key,
)
from pipeline.cli.changes import By, actor_of, answer_of, change, current_view
from pipeline.cli.terminal import WRONG_USAGE, Json, err, fail, note, out
from pipeline.clock import now_us
from pipeline.ids import SHAPE
from schemas.records import ApiKeyRecorded, TokenRevoked

key_app = typer.Typer(no_args_is_help=True, help="API keys: create, rotate, revoke, list.")
token_app = typer.Typer(no_args_is_help=True, help="Refuse a trace's uploads, a token, or a caller from now on.")


def _record_key(record: ApiKeyRecorded, action: str, by: str) -> None:
    facts = {"role": record.role}
    entry = {"actor": actor_of(by), "action": action, "subject": f"key/{record.key_id}", "detail": facts}
    answer_of(lambda: change(key_topic_key(record.key_id), record, project=record.project, **entry))


def _show(record: ApiKeyRecorded, key: str, json: bool) -> None:
    if json:
        out.print_json(data={"key_id": record.key_id, "project": record.project, "role": record.role, "key": key})
        return
    err.print(f"key {record.key_id}: {record.role} of {record.project}. It is shown this once:")
    out.print(key, highlight=False, soft_wrap=True)


def _known(key_id: str) -> ApiKeyRecorded:
    view = answer_of(current_view)
    record = view.keys.get(key_id)
    if record is None:
        raise fail(f"no key {key_id}; see `pr-telemetry key list`", WRONG_USAGE)
    if view.bars(f"key/{key_id}"):
        raise fail(f"key {key_id} is revoked, for good; create another one", WRONG_USAGE)
    return record


@key_app.command("create")
def create(
    role: Annotated[str, typer.Option(help=f"One of: {', '.join(ROLES)}.")],
    project: Annotated[str, typer.Option(help=f"Project, or {EVERY_PROJECT} for every one.")],
    by: By = "",
    json: Json = False,
) -> None:
    """Create a key and print it once; only its hash is kept."""
    if role not in ROLES:
        raise fail(f"no role {role}; there are: {', '.join(ROLES)}", WRONG_USAGE)
    if project != EVERY_PROJECT and not PROJECT.fullmatch(project):
        raise fail("a project has 1 to 64 letters, digits, dots, dashes and underscores", WRONG_USAGE)
    key_id = new_key_id()
    key = new_key(key_id)
    record = ApiKeyRecorded(
        key_id=key_id, project=project, role=role, key_hash=fingerprint(key), revoked=False, recorded_at_us=now_us()
    )
    _record_key(record, "key create", by)
    _show(record, key, json)


@key_app.command("rotate")
def rotate(key_id: str, by: By = "", json: Json = False) -> None:
    """Give a key a new secret and print it once. The old one is refused within seconds.

    Uploads that are under way go on. For a change without a gap create a second key, and revoke the first one later.
    """
    key = new_key(key_id)
    record = replace(_known(key_id), key_hash=fingerprint(key), recorded_at_us=now_us())
    _record_key(record, "key rotate", by)
    _show(record, key, json)


@key_app.command("revoke")
def revoke(key_id: str, by: By = "") -> None:
    """Refuse a key, and the upload tokens that were got with it, within seconds and for good."""
    _record_key(replace(_known(key_id), revoked=True, recorded_at_us=now_us()), "key revoke", by)
    note(f"key {key_id} is refused from now on")


@key_app.command("list")
def list_keys(json: Json = False) -> None:
    """Show all keys. Their secrets are known to nobody but their holders."""
    view = answer_of(current_view)
    lines = [
        {
            "key_id": record.key_id,
            "project": record.project,
            "role": record.role,
            "state": "revoked" if view.bars(f"key/{record.key_id}") else "active",
            "since": datetime.fromtimestamp(record.recorded_at_us / 1e6, UTC).isoformat(timespec="seconds"),
        }
        for record in sorted(view.keys.values(), key=lambda record: record.recorded_at_us)
    ]
    if json:
        out.print_json(data=lines)
        return
    table = Table("key", "project", "role", "state", "since", box=None)
    for line in lines:
        table.add_row(*line.values())
    out.print(table)


@token_app.command("revoke")
def revoke_token(
    kind: Annotated[str, typer.Argument(help=f"One of: {', '.join(SUBJECT_KINDS)}.")],
    subject: Annotated[str, typer.Argument(help="A trace id; a token, or its sha256:...; a key id, or jwt/SUBJECT.")],
    reason: Annotated[str, typer.Option(help="Why; kept in the audit trail.")] = "",
    by: By = "",
) -> None:
    """Refuse from now on: uploads to a trace, one token, or all tokens of a caller."""
    if kind not in SUBJECT_KINDS:
        raise fail(f"no kind {kind}; there are: {', '.join(SUBJECT_KINDS)}", WRONG_USAGE)
    named = _named(kind, subject)
    record = TokenRevoked(subject_kind=kind, subject=named, reason=reason, revoked_at_us=now_us())
    entry = {
        "actor": actor_of(by),
        "action": "token revoke",
        "subject": f"{kind}/{named}",
        "detail": {"reason": reason},
    }
    answer_of(lambda: change(revocation_topic_key(kind, named), record, **entry))
    note(f"{kind} {named} is refused from now on")


def _named(kind: str, subject: str) -> str:
    """The subject as it is recorded. A slip of the pen that would revoke nothing is refused here."""
    if kind == "trace" and not SHAPE.fullmatch(subject):
        raise fail("this is no trace id", WRONG_USAGE)
    if kind == "key" and "/" not in subject:
        _known(subject)
    # Of a token only its hash is written anywhere.
    return fingerprint(subject) if kind == "token" and not subject.startswith("sha256:") else subject
