"""Prepares the folder of the embedded broker: cluster id, server.properties, formatted storage.

A data folder keeps its cluster id for ever. A start that died half-way is repaired by the next one: the id is written
first and the formatting is repeated until it leaves its mark.
"""

from __future__ import annotations

import base64
import subprocess
import uuid
from pathlib import Path

from deploy.embedded.kafka.properties import server_properties

_FORMAT_DEADLINE_S = 60


class FormatFailed(Exception):
    """Kafka's own storage tool refused the folder; the text is its output."""


def new_cluster_id() -> str:
    """A random cluster id in Kafka's form: 16 bytes as 22 characters of URL-safe base64."""
    return base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")


def write_properties(data_dir: Path, port: int, controller_port: int) -> Path:
    """Writes server.properties for this start and returns its path; the ports may differ from the last start's."""
    data_dir.mkdir(parents=True, exist_ok=True)
    path = data_dir / "server.properties"
    path.write_text(server_properties(port, controller_port, _log_dir(data_dir)))
    return path


def format_once(data_dir: Path, java: str, classpath: str, properties: Path) -> None:
    """Formats the storage of a new data folder; does nothing to a formatted one. Raises FormatFailed."""
    if (_log_dir(data_dir) / "meta.properties").exists():
        return
    tool = [java, "-cp", classpath, "-XX:TieredStopAtLevel=1", "kafka.tools.StorageTool", "format"]
    # Joined by `=`, because one id in 64 begins with a dash and would be taken for an option.
    command = [*tool, "--ignore-formatted", f"--cluster-id={_cluster_id(data_dir)}", "-c", str(properties)]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=_FORMAT_DEADLINE_S)
    if done.returncode != 0:
        raise FormatFailed((done.stdout + done.stderr).strip())


def _log_dir(data_dir: Path) -> Path:
    return data_dir / "log"


def _cluster_id(data_dir: Path) -> str:
    path = data_dir / "cluster.id"
    if not path.exists():
        partial = path.with_suffix(".new")
        partial.write_text(new_cluster_id())
        partial.rename(path)
    return path.read_text().strip()
