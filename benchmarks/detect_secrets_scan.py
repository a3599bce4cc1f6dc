"""Run by benchmarks.redaction under a Python that has `detect-secrets`, with its default plugins and filters.

Standard input: a JSON list of texts. Standard output: JSON {found: a boolean per text, seconds: time of the scans}.
"""

import json
import sys
import tempfile
import time
from pathlib import Path

from detect_secrets import SecretsCollection  # type: ignore[import-not-found]
from detect_secrets.settings import default_settings  # type: ignore[import-not-found]


def main() -> None:
    found, seconds = [], 0.0
    with tempfile.TemporaryDirectory() as folder, default_settings():
        for number, text in enumerate(json.load(sys.stdin)):
            path = Path(folder) / f"{number}.txt"
            path.write_text(text)
            secrets = SecretsCollection()
            began = time.perf_counter()
            secrets.scan_file(str(path))
            seconds += time.perf_counter() - began
            found.append(bool(list(secrets)))
    json.dump({"found": found, "seconds": seconds}, sys.stdout)


if __name__ == "__main__":
    main()
