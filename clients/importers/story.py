"""The events of a session as an importer tells them, one after the other: cut where long, linked, timed, valid.

A time is the source's or it is counted as estimated. Every text arrives whole, if need be in several notes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any

from clients.importers.diffs import Change, TooLong, changed
from clients.importers.formats import PIECE_CHARS, acceptable, pieces
from clients.importers.loss import Loss
from clients.importers.sight import Sight
from clients.importers.summaries import totals_of
from schemas.api import CreateTrace
from schemas.events import MAX_SAFE_INT

MOST_CAUSES = 64
LATEST_US = 4_000_000_000 * 1_000_000
UNTIMED = "the source gives no time there: that of what came before it"
UNZONED = "the source gives times without a zone: taken as UTC"
ESCAPED = "NUL and lone surrogates, which cannot be stored, are written as escapes"
UNMADE = "the start commit is only a label: the final patch is too long for an event, and the edits do not make it"
CUT = "texts too long for one event, cut into several notes"


@dataclass
class Story:
    """What became of the source so far. `root` is the folder of the repository there, which paths lose.

    `seen` are the ids of what was observed last: what is done next is caused by it.
    """

    loss: Loss
    root: str = ""
    cwd: str = ""
    now_us: int = 0
    untimed: str = UNTIMED
    events: list[dict[str, Any]] = field(default_factory=list)
    seen: list[str] = field(default_factory=list)
    sight: Sight = field(default_factory=Sight)
    author: str | None = None
    _ids: set[str] = field(default_factory=set)
    _estimated: str | None = None

    def at(self, time_us: int | None, zoned: bool = True) -> None:
        """What follows happened at this time; None: the source does not say when."""
        self._estimated = self.untimed if time_us is None else "" if zoned else UNZONED
        self.now_us = self.now_us if time_us is None else max(0, min(time_us, LATEST_US))

    def passed(self, duration_us: int | None) -> None:
        """So long it took; the time that follows is estimated by it."""
        self.now_us += duration_us or 0

    def clean(self, text: str) -> str:
        """The text as it can be stored."""
        cleaned = acceptable(text)
        self.loss.altered[ESCAPED] += cleaned != text
        return cleaned

    def note(self, part: str, text: str, causes: Iterable[str] | None = None) -> list[str]:
        """Add `text` as one note, or as several in a row; the last one's id is what later events are caused by."""
        linked = self.seen if causes is None else causes
        cut = list(pieces(self.clean(text)))
        self.loss.altered[CUT] += len(cut) > 1
        return [self._add("rationale_note", linked, **{part: piece}) for piece in cut][-1:]

    def told(self, who: str, text: str, causes: Iterable[str] | None = None) -> None:
        """Somebody said `text`: an observation, headed by who it was."""
        if text.strip():
            self.seen = self.note("observation", f"[{who}]\n{text}", causes)

    def command(self, command: str, causes: Iterable[str] | None = None, **result: Any) -> None:
        """A shell command, or test run where tests were run and counted. `result` as in the event, None where unknown.

        A command too long for an event is in the notes before, and its head in the event.
        """
        linked = list(self.seen if causes is None else causes)
        output = self.clean(result.get("output") or "")
        ran = self.clean(command)
        head, *rest = pieces(ran) if ran else [""]
        if rest:
            self.note("text", ran, linked)
        fields = {**result, "output": output if result.get("output") is not None else None}
        if "exit_code" in fields:
            fields["exit_code"] = exit_code(fields["exit_code"])
        totals = totals_of(ran, output)
        if totals is None:
            cwd = fields.pop("cwd", None) or self.cwd
            self.seen = [self._add("cmd_run", linked, command=head, cwd=self.clean(cwd) or None, **fields)]
        else:
            fields.pop("cwd", None)
            self.seen = [self._add("test_run", linked, command=head, **asdict(totals), **fields)]
        self.sight.forget(ran)

    def edit(self, change: Change, causes: Iterable[str] | None = None) -> None:
        """A file's change, as several edits or as notes where it is too long for one."""
        linked = list(self.seen if causes is None else causes)
        path = self.clean(self.relative(change.path))[:4096] or "unnamed"
        try:
            diffs = [self.clean(diff) for diff in change.diffs(path)]
        except TooLong:
            self.loss.estimated["file_edit", "too long for an event: told in notes instead"] += 1
            whole = "".join(hunk.text() for hunk in change.hunks)
            self.seen = self.note("observation", f"[edit of {path}]\n{whole}", linked)
            return
        for diff in diffs:
            fields = {"author": self.author} if self.author else {}
            self.seen = [self._add("file_edit", linked, file_path=path, diff_unified=diff, **fields)]
            linked = self.seen
        if change.how and diffs:
            self.loss.estimated["diff_unified", change.how] += len(diffs)

    def patch(self, patch: str, summary: str) -> None:
        """The final patch of the session: a commit without sha, which has it as its diff where that fits."""
        diff = self.clean(patch)
        if len(diff) > PIECE_CHARS:
            self.note("observation", diff)
            self.seen = [
                self._add("commit", self.seen, message=f"{summary}; too long for an event, it is in the notes")
            ]
        else:
            self.seen = [self._add("commit", self.seen, message=summary, diff_unified=diff)]

    def settled(self, trace: CreateTrace, patch: str) -> CreateTrace:
        """The trace, whose start commit is only a label where the final patch is too long for an event and the edits
        alone do not make it: a rerun of the edits would judge another change than the session's. A shell changes files,
        too, which is no edit."""
        if trace.start_commit is None or not patch.strip() or self._handed_in() or self._edits_make(patch):
            return trace
        self.loss.altered[UNMADE] += 1
        labels = {**trace.environment, "start_commit": trace.start_commit}
        return trace.model_copy(update={"start_commit": None, "environment": labels})

    def _handed_in(self) -> bool:
        return any(event["type"] == "commit" and "diff_unified" in event for event in self.events)

    def _edits_make(self, patch: str) -> bool:
        total: dict[str, Counter[str]] = {}
        edits = [str(event["diff_unified"]) for event in self.events if event["type"] == "file_edit"]
        for path, lines in (pair for diff in edits for pair in changed(diff).items()):
            total.setdefault(path, Counter()).update(lines)
        made = {path: {text: n for text, n in lines.items() if n} for path, lines in total.items()}
        return not edits or {path: lines for path, lines in made.items() if lines} == changed(self.clean(patch))

    def relative(self, path: str) -> str:
        """The path as the repository's own files are named."""
        root = self.root.rstrip("/")
        return path.removeprefix(f"{root}/") if root else path

    def adopt(self, event: dict[str, Any]) -> None:
        """Add an event that the source holds as it is; a second one of its id gets another."""
        event["id"] = self._fresh(str(event["id"]))
        self.events.append(event)
        self.seen = [event["id"]]

    def _fresh(self, wanted: str) -> str:
        number, fresh = 2, wanted
        while fresh in self._ids:
            number, fresh = number + 1, f"{wanted[:100]}-{number}"
        self._ids.add(fresh)
        return fresh

    def _add(self, event_type: str, causes: Iterable[str], **fields: Any) -> str:
        seq = len(self.events)
        given = {name: value for name, value in fields.items() if value is not None}
        event = {
            "id": self._fresh(f"evt-{seq + 1:04d}"),
            "seq": seq,
            "ts_client_us": self.now_us,
            "type": event_type,
            **given,
        }
        linked = list(dict.fromkeys(causes))[:MOST_CAUSES]
        self.events.append(event | ({"caused_by": linked} if linked else {}))
        if how := self.untimed if self._estimated is None else self._estimated:
            self.loss.estimated["ts_client_us", how] += 1
        return str(event["id"])


def exit_code(value: Any) -> int | None:
    """An exit code as an event takes it; None for anything else."""
    return value if type(value) is int and abs(value) <= MAX_SAFE_INT else None
