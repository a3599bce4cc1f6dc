"""From rows to the answers that people and clients read. Pure. Times are seconds here, microseconds in storage."""

from typing import Any

import orjson

from ingest_gateway.reads import Row, Whole

TRACE_VERSION = "1.0"
VERDICT = (
    *("run_id", "verdict", "level", "reason", "detail", "tests_passed", "tests_failed", "environment"),
    *("claims_reproduced", "claims_compared", "claims_incomparable"),
)
JUDGEMENT = ("run_id", "outcome", "overall", "reason", "rubric", "rubric_version", "judge", "model")
TASK = {"id": "task_id", "title": "task_title", "description": "task_description"}
SUMMARY = ("trace_id", "revision", "outcome", "stage", "created_at", "closed_at", "queryable_at")
# Times come from ClickHouse in UTC and without a zone; said without one, browsers take them for local ones.
TIMES_IN_UTC = orjson.OPT_NAIVE_UTC | orjson.OPT_UTC_Z


def json_of(answer: dict[str, Any]) -> bytes:
    """The answer as JSON; times are RFC 3339, in UTC."""
    return orjson.dumps(answer, option=TIMES_IN_UTC)


def in_seconds(value: Any) -> Any:
    """The value with every integer `*_us` turned into a float `*_s`, at any depth."""
    if isinstance(value, dict):
        return dict(_named_in_seconds(name, item) for name, item in value.items())
    if isinstance(value, list):
        return [in_seconds(item) for item in value]
    return value


def _named_in_seconds(name: str, value: Any) -> tuple[str, Any]:
    if name.endswith("_us") and isinstance(value, int):
        return f"{name.removesuffix('_us')}_s", value / 1_000_000
    return name, in_seconds(value)


def _present(fields: dict[str, Any]) -> dict[str, Any]:
    """Without what is empty: columns have no "absent", answers do."""
    return {name: value for name, value in fields.items() if value not in (None, "")}


def _status(trace: Row) -> str:
    if not trace["intact"]:
        return "altered"
    return "verified" if trace["complete"] else "incomplete"


def _validation(row: Row, tests: list[Row]) -> dict[str, Any]:
    return {**_present({name: row[name] for name in VERDICT}), "tests": tests}


def _judge(scores: list[Row]) -> dict[str, Any]:
    graded = {
        row["criterion"]: {"grade": row["grade"], "cited_seqs": list(row["cited_seqs"]), "rationale": row["rationale"]}
        for row in scores
        if row["criterion"]
    }
    return {**_present({name: scores[0][name] for name in JUDGEMENT}), "scores": graded}


def _integrity(trace: Row) -> dict[str, Any]:
    return {
        "event_hash_chain": trace["last_link"],
        "head": trace["head"],
        "status": _status(trace),
        "intact": trace["intact"],
        "complete": trace["complete"],
        "findings": orjson.loads(trace["findings"]),
    }


def event_of(row: Row) -> orjson.Fragment:
    """A stored event, byte for byte."""
    return orjson.Fragment(row["event"])


def whole_trace(whole: Whole, trace: Row) -> dict[str, Any]:
    """An assembled trace with everything that is known about its latest revision."""
    qa = {}
    if whole.validation:
        qa["validation"] = _validation(whole.validation, whole.tests)
    if whole.scores:
        qa["judge"] = _judge(whole.scores)
    return {
        "trace_version": TRACE_VERSION,
        **{name: trace[name] for name in SUMMARY},
        "project": trace["project"],
        "session": {"participant_id": trace["participant_id"], "consent": trace["consent"]},
        "task": _present({name: trace[column] for name, column in TASK.items()}),
        "repo": _present({"origin": trace["repo_origin"], "start_commit": trace["start_commit"]}),
        "environment": trace["environment"],
        "events": [event_of(row) for row in whole.events],
        "artifacts": orjson.loads(trace["artifacts"]),
        "metrics": in_seconds(orjson.loads(trace["metrics"])),
        "qa": qa,
        "integrity": _integrity(trace),
        "redactions": trace["redactions"],
    }


def open_trace(trace_id: str, progress: Row) -> dict[str, Any]:
    """A trace that is known but not assembled yet."""
    times = _present({name: progress[name] for name in ("received_at", "completed_at")})
    return {
        "trace_version": TRACE_VERSION,
        "trace_id": trace_id,
        "project": progress["project"],
        "stage": "received",
        **times,
    }
