"""`python -m benchmarks.redaction`: recall and false positives on labelled texts, and microseconds per KB.

Per rule of the corpora (gitleaks' rules, detect-secrets' test files) and per rule of ours; beside them `detect-secrets`
on the same texts, where `--detect-secrets` names a Python that has it. Nothing is redacted in the recorded sessions:
what is found there is a false positive. Times are medians of five, with least and most.
"""

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.traffic import small_events
from ingest_gateway.redaction import Redactor
from tests.support.data import SHARED_DATA
from tests.support.secrets import CORPORA, labelled, session_texts

KEY = b"key of the benchmark"
SCAN = Path(__file__).with_name("detect_secrets_scan.py")
ROUNDS, PIECE = 5, 65_536
# Its scan is slow: the time is taken on a part.
TIMED_BYTES = 300_000


def kilobytes(texts: list[str]) -> float:
    """Their size in UTF-8."""
    return sum(len(text.encode()) for text in texts) / 1024


def found(texts: list[str]) -> list[Counter[str]]:
    """What ours finds in each text, by rule."""
    redactors = [Redactor(KEY) for _ in texts]
    for redactor, text in zip(redactors, texts, strict=True):
        redactor.text(text)
    return [redactor.counts for redactor in redactors]


def peer(python: str, texts: list[str]) -> tuple[list[bool], float]:
    """What detect-secrets finds in each text, and its seconds for all."""
    scan = subprocess.run([python, SCAN], input=json.dumps(texts), capture_output=True, text=True, check=True)
    answer = json.loads(scan.stdout)
    return answer["found"], answer["seconds"]


def table(title: str, rows: list[dict[str, str]], ours: list[bool], theirs: list[bool] | None) -> None:
    """Per rule of the corpus: found of the positives, flagged of the negatives."""
    tallies: dict[str, Counter[str]] = defaultdict(Counter)
    for number, row in enumerate(rows):
        for name in ("all", row.get("rule") or row["id"].split("_test.py")[0]):
            tallies[name].update([row["label"], *([f"ours {row['label']}"] if ours[number] else [])])
            tallies[name].update([f"peer {row['label']}"] if theirs and theirs[number] else [])
    print(f"\n{title:42} {'found of the secrets':>26} {'flagged of the others':>26}")
    print(f"{'':42} {'ours':>12} {'detect-secrets':>13} {'ours':>12} {'detect-secrets':>13}")
    for name, tally in sorted(tallies.items(), key=lambda item: (item[0] == "all", item[0])):
        cells = []
        for label in ("positive", "negative"):
            of = tally[label]
            cells += [f"{tally[f'ours {label}']}/{of}", f"{tally[f'peer {label}']}/{of}" if theirs else "absent"]
        print(f"{name:42} {cells[0]:>12} {cells[1]:>13} {cells[2]:>12} {cells[3]:>13}")


def by_our_rule(rows: list[dict[str, str]], counts: list[Counter[str]]) -> None:
    """Per rule of ours: labelled texts it found something in."""
    tallies: dict[str, Counter[str]] = defaultdict(Counter)
    for row, count in zip(rows, counts, strict=True):
        for rule in count:
            tallies[rule].update([row["label"]])
    print(f"\n{'our rule':42} {'in secrets':>12} {'in others':>12}")
    for rule, tally in sorted(tallies.items()):
        print(f"{rule:42} {tally['positive']:>12} {tally['negative']:>12}")


def timed(name: str, size: float, run: Callable[[], Any]) -> None:
    """Print the microseconds per KB of a run over `size` KB."""
    run()
    rounds = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        run()
        rounds.append(1e6 * (time.perf_counter() - began) / size)
    print(f"{name:42} {statistics.median(rounds):8.1f} us/KB ({min(rounds):.1f} to {max(rounds):.1f})")


def streamed(data: bytes) -> None:
    """The data in pieces, as artifacts come."""
    stream = Redactor(KEY).stream()
    for start in range(0, len(data), PIECE):
        stream.feed(data[start : start + PIECE])
    stream.close()


def times(sessions: list[str], dense: list[str], python: str | None) -> None:
    """Time per KB, by the way that the text comes."""
    size, chunk = kilobytes(sessions), [event for number in range(10) for event in small_events(number)]
    events = [
        [{"id": "e", "type": "cmd_run", "output": text} for text in sessions[start : start + 10]]
        for start in range(0, len(sessions), 10)
    ]
    print()
    timed("recorded sessions, 10 events a chunk", size, lambda: [Redactor(KEY).events(part) for part in events])
    timed("recorded sessions, text by text", size, lambda: found(sessions))
    timed("recorded sessions, as one stream", size, lambda: streamed("\n".join(sessions).encode()))
    timed("small events, a chunk", kilobytes([json.dumps(chunk)]), lambda: Redactor(KEY).events(chunk))
    timed("labelled texts, one line a text", kilobytes(dense), lambda: found(dense))
    if python:
        part = "\n".join(sessions)[:TIMED_BYTES]
        print(
            f"{'detect-secrets, recorded sessions':42} {1e6 * peer(python, [part])[1] / kilobytes([part]):8.1f} us/KB"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--detect-secrets", metavar="PYTHON", help="a Python that has detect-secrets installed")
    python = parser.parse_args().detect_secrets
    if not SHARED_DATA.is_dir():
        sys.exit("the labelled texts are absent: the folder shared/data beside the checkout")
    if not python:
        print("detect-secrets: absent (--detect-secrets PYTHON)", file=sys.stderr)
    rows, counts = [], []
    for corpus in CORPORA:
        cases = labelled(corpus)
        texts = [case["text"] for case in cases]
        ours = found(texts)
        table(f"corpus of {corpus}", cases, list(map(bool, ours)), peer(python, texts)[0] if python else None)
        rows += cases
        counts += ours
    by_our_rule(rows, counts)
    sessions = session_texts()
    hits = sum(map(bool, found(sessions)))
    print(f"\nrecorded sessions: {len(sessions)} texts, {kilobytes(sessions):,.0f} KB, something found in {hits}")
    times(sessions, [row["text"] for row in rows], python)


if __name__ == "__main__":
    main()
