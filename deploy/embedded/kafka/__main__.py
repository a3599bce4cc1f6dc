"""`python -m deploy.embedded.kafka --port P --data-dir D`: becomes the broker.

After the preparations this process is replaced by Java (exec), so signals, exit status and process id are the
broker's own and nothing can be orphaned. Exit status 1 with one line on stderr when it cannot start.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from deploy.embedded.jars import JarsUnavailable, cache_folder, classpath, find_jars, java_command, say_on_stderr
from deploy.embedded.kafka.storage import FormatFailed, format_once, write_properties
from deploy.embedded.ports import free_port

POM = Path(__file__).with_name("pom.xml")
_HEAP_MB = 512


def main() -> int:
    """Fetches the jars where missing, formats a new data folder, then becomes the broker (or returns 0: fetch only)."""
    arguments = _parser().parse_args()
    try:
        jars = find_jars(POM, arguments.jars_dir, say_on_stderr)
        if not arguments.fetch_only:
            _become_broker(java_command(), classpath(jars), arguments.port, arguments.data_dir.absolute())
    except (JarsUnavailable, FormatFailed) as problem:
        say_on_stderr(f"embedded kafka: {problem}")
        return 1
    return 0


def _become_broker(java: str, jars: str, port: int, data_dir: Path) -> None:
    properties = write_properties(data_dir, port, free_port())
    format_once(data_dir, java, jars, properties)
    options = [f"-Xmx{_HEAP_MB}m", f"-Xms{_HEAP_MB // 4}m", "-Djava.awt.headless=true"]
    logging = ["-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-Dorg.slf4j.simpleLogger.showDateTime=true"]
    os.execv(java, [java, *options, *logging, "-cp", jars, "kafka.Kafka", str(properties)])


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m deploy.embedded.kafka", description=__doc__)
    action = parser.add_mutually_exclusive_group(required=True)
    action.add_argument("--port", type=int, help="port on 127.0.0.1 for clients")
    action.add_argument("--fetch-only", action="store_true", help="fetch the jars and exit")
    parser.add_argument("--data-dir", type=Path, default=Path("kafka-data"), help="state of the broker")
    parser.add_argument("--jars-dir", type=Path, default=cache_folder(POM, os.environ), help="folder of the jars")
    return parser


if __name__ == "__main__":
    sys.exit(main())
