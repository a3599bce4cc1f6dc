"""Texts with secrets: the labelled corpora, and the real sessions, which hold none."""

import base64
import gzip
import json

from tests.support.data import shared_data

CORPORA = ("gitleaks", "detect-secrets")


def labelled(corpus: str) -> list[dict[str, str]]:
    """The rows {id, rule?, text, label} of a corpus; label is `positive` or `negative`. Skips where it is absent."""
    packed = (shared_data("secrets") / f"{corpus}.jsonl.base64").read_bytes()
    return [json.loads(line) for line in base64.b64decode(packed).splitlines() if line.strip()]


def session_texts() -> list[str]:
    """Every message and the patch of each recorded session. Skips where they are absent."""
    texts: list[str] = []
    for path in sorted(shared_data("trajectories/mini-swe-agent").glob("*.traj.json.gz")):
        session = json.loads(gzip.decompress(path.read_bytes()))
        texts += [str(message.get("content") or "") for message in session["messages"]]
        texts.append(session["info"].get("submission") or "")
    return texts
