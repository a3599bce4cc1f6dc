"""`python -m deploy.grafana` writes dashboards/*.json anew from what is said here in Python."""

from __future__ import annotations

import json
from pathlib import Path

from deploy.grafana.cost import COST
from deploy.grafana.health import HEALTH
from deploy.grafana.panels import Board, document
from deploy.grafana.quality import QUALITY

FOLDER = Path(__file__).parent / "dashboards"
BOARDS = (HEALTH, QUALITY, COST)


def path_of(board: Board) -> Path:
    """Where Grafana finds it."""
    return FOLDER / f"{board.uid}.json"


def text_of(board: Board) -> str:
    """The file's content."""
    return json.dumps(document(board), indent=2) + "\n"


if __name__ == "__main__":
    for one in BOARDS:
        path_of(one).write_text(text_of(one))
