"""The change of a whole session as one patch: what a reviewer would be shown at its end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.exports.composing import composed
from pipeline.exports.view import NotExportable
from pipeline.redacted import PLACEHOLDER


def patch_of(events: Sequence[Mapping[str, Any]]) -> str:
    """One unified diff from the start commit to the end of the session.

    The diff of the only commit where no edit follows it; else all edits, or all commits where there are no edits, put
    together. Raises NotExportable where they do not fit onto each other, where nothing is changed in the end, and
    where redaction went over it: such a patch would not apply.
    """
    edits = [event for event in events if event["type"] == "file_edit" and event["diff_unified"].strip()]
    commits = [event for event in events if event["type"] == "commit" and str(event.get("diff_unified", "")).strip()]
    if len(commits) == 1 and not any(edit["seq"] > commits[0]["seq"] for edit in edits):
        diffs = commits
    else:
        diffs = edits or commits
    texts = [_whole(str(event["diff_unified"])) for event in diffs]
    if any(map(PLACEHOLDER.search, texts)):
        raise NotExportable("its change was redacted")
    patch = texts[0] if len(texts) == 1 else composed(texts)
    if not patch:
        raise NotExportable("nothing was changed")
    return patch


def _whole(diff: str) -> str:
    return diff if diff.endswith("\n") else f"{diff}\n"
