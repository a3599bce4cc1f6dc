"""Hugging Face's reader of agent traces (`datasets` with `teich`), as it knows them by itself: one row a session."""

import json
import sys
from pathlib import Path

from datasets import load_dataset


def main(folder: Path) -> None:
    """Writes {session id: {users, roles, prompt, split}}."""
    found = {}
    for split, table in load_dataset(str(folder), "sessions").items():
        for row in table:
            roles = [message["role"] for message in row["messages"]]
            told = {"users": row["num_user_messages"], "roles": roles, "prompt": row["prompt"], "split": split}
            found[row["session_id"]] = told
    json.dump(found, sys.stdout)


main(Path(sys.argv[1]))
