"""The folder that holds the embedded stack's state, and what is written there."""

import fcntl
import json
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO


@dataclass(frozen=True, slots=True)
class Home:
    """Paths below the home folder. The lock file is held by a living supervisor and carries its process id."""

    root: Path

    @property
    def status_file(self) -> Path:
        return self.root / "status.json"

    @property
    def lock_file(self) -> Path:
        return self.root / "supervisor.lock"

    def log_file(self, name: str) -> Path:
        """Where a process of this name writes its output."""
        return self.root / "logs" / f"{name}.log"

    def last_line(self, name: str) -> str:
        """What a process of this name wrote last: those that cannot go on say why in their last line."""
        with suppress(OSError):
            lines = self.log_file(name).read_text(errors="replace").split("\n")
            return next((line.strip() for line in reversed(lines) if line.strip()), "")
        return ""

    def data(self, name: str) -> Path:
        """Where a process of this name keeps its data."""
        return self.root / "data" / name

    def status(self) -> dict[str, Any]:
        """What the supervisor last wrote; empty where there is none."""
        with suppress(OSError, ValueError):
            status: dict[str, Any] = json.loads(self.status_file.read_text())
            return status
        return {}

    def write_status(self, status: dict[str, Any]) -> None:
        """Replace the status atomically."""
        draft = self.status_file.with_suffix(".draft")
        draft.write_text(json.dumps(status, indent=2))
        draft.replace(self.status_file)

    def lock(self, patience_s: float = 0) -> TextIO | None:
        """Take the supervisor's lock for the life of the file; None where another holds it.

        A supervisor is patient, since those who only ask whether one lives hold the lock for a moment.
        """
        self.root.mkdir(parents=True, exist_ok=True)
        file = self.lock_file.open("a+")
        deadline = time.monotonic() + patience_s
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return file
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    file.close()
                    return None
            time.sleep(0.05)

    def supervisor_pid(self) -> int | None:
        """Process id of the living supervisor of this home."""
        if not self.lock_file.exists():
            return None
        if (free := self.lock()) is not None:
            free.close()
            return None
        return int(self.lock_file.read_text() or 0) or None
