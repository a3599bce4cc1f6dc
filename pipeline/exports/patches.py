"""The change of a whole session as one patch: what a reviewer would be shown at its end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.exports.view import NotExportable
from pipeline.redacted import PLACEHOLDER

_SEVERAL = "its edits do not give one patch: a file was edited several times, and no commit has the outcome"


def patch_of(events: Sequence[Mapping[str, Any]]) -> str:
    """One unified diff from the start commit to the end of the session.

    The diff of the only commit where no edit follows it; else the edits (those of commits where there are none), as
    long as no two of them are about one file. Raises NotExportable for anything else, and where redaction went over it:
    such a patch would not apply.
    """
    edits = [event for event in events if event["type"] == "file_edit" and event["diff_unified"].strip()]
    commits = [event for event in events if event["type"] == "commit" and str(event.get("diff_unified", "")).strip()]
    if len(commits) == 1 and not any(edit["seq"] > commits[0]["seq"] for edit in edits):
        diffs = commits
    elif len({edit["file_path"] for edit in edits}) == len(edits) and edits:
        diffs = edits
    else:
        raise NotExportable(_SEVERAL if edits or commits else "nothing was changed")
    patch = "".join(_whole(str(event["diff_unified"])) for event in diffs)
    if PLACEHOLDER.search(patch):
        raise NotExportable("its change was redacted")
    return patch


def _whole(diff: str) -> str:
    return diff if diff.endswith("\n") else f"{diff}\n"
