"""`python -m deploy.embedded.kafka --port P --data-dir D`: becomes the broker.

After the preparations this process is replaced by Java (exec), so signals, exit status and process id are the
broker's own and nothing can be orphaned. Exit status 1 with one line on stderr when it cannot start.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from deploy.embedded.jars import JarsUnavailable, classpath, find_jars, java_command, launcher_arguments, say_on_stderr
from deploy.embedded.kafka.storage import FormatFailed, format_once, write_properties
from deploy.embedded.ports import free_port

POM = Path(__file__).with_name("pom.xml")
_HEAP_MB = 512


def main() -> int:
    """Fetches the jars where missing, formats a new data folder, then becomes the broker (or returns 0: fetch only)."""
    arguments = launcher_arguments("deploy.embedded.kafka", __doc__, POM, Path("kafka-data"))
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


if __name__ == "__main__":
    sys.exit(main())
