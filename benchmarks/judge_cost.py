"""What a judge model costs: `python -m benchmarks.judge_cost`, for the example stories and the real sessions at hand.

The bytes of every prompt are measured. Tokens are estimated from them: BYTES_PER_TOKEN was measured on these same
prompts with the vocabulary of gpt-4o-mini (docs/judging.md says how). Prices are arguments, as they change.
"""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from clients.importers import import_session
from clients.recorded import Session
from examples.stories import STORIES
from judge.features import features
from judge.heuristics import grade
from judge.injection import screen
from judge.prompt import BUDGET_BYTES, Question, questions
from judge.rubric import load
from pipeline.canonical import dumps
from schemas.events import EVENT_ADAPTER

PROJECT = Path(__file__).parents[1]
SESSIONS = (PROJECT / "examples" / "real", PROJECT.parent / "shared" / "data" / "trajectories" / "mini-swe-agent")
STARTED_AT_S = 1_700_000_000.0
RUBRIC = load((files("judge") / "rubrics" / "rubric-1.0.yaml").read_text())
BYTES_PER_TOKEN = 3.58
TRACES = 1_000
QUOTES, QUOTE_LENGTH = 2, 60
"""Quotes for a grade and characters of one, as assumed."""


@dataclass(frozen=True)
class Prompt:
    """One measured prompt: bytes of its messages and schema, and of an answer as long as the heuristic judge's."""

    name: str
    events: int
    prompt_bytes: int
    answer_bytes: int
    characters_left_out: int
    events_left_out: int


def sessions() -> Iterator[tuple[str, Session]]:
    """The told sessions, then every real one that is here."""
    for name, story in STORIES.items():
        yield name, story.session(STARTED_AT_S)
    found = {path.name.split(".")[0]: path for folder in SESSIONS for path in folder.glob("*.traj.json.gz")}
    for name, path in sorted(found.items()):
        yield name, import_session("mini-swe-agent", path.read_bytes())


def document(session: Session) -> dict[str, Any]:
    """The part of a finished trace's document that a judge reads."""
    trace = session.trace
    return {
        "environment": dict(trace.environment),
        "events": [EVENT_ADAPTER.validate_json(dumps(dict(event))).stored() for event in session.events],
        "repo": {"start_commit": trace.start_commit or "not recorded"},
        "task": {"title": trace.task_title, "description": trace.task_description or ""},
    }


def question(session: Session) -> Question:
    """The one request about a session."""
    [asked] = questions(RUBRIC, [screen(document(session))], "all", BUDGET_BYTES)
    return asked


def messages(session: Session) -> str:
    """Everything that is sent for a session, as one text."""
    asked = question(session)
    return "\n".join([*(message["content"] for message in asked.messages), dumps(asked.schema).decode()])


def answer(session: Session) -> str:
    """An answer in the demanded form, with the heuristic judge's words and made-up quotes."""
    read = document(session)
    grades = grade(RUBRIC, features(read), {event["seq"]: event["type"] for event in read["events"]})
    said = {
        g.criterion: {
            "rationale": g.rationale,
            "cited_seqs": g.cited_seqs,
            "quotes": [{"seq": seq, "text": "x" * QUOTE_LENGTH} for seq in g.cited_seqs[:QUOTES]],
            "grade": g.grade,
        }
        for g in grades
    }
    traces = {"trace_1": {"addresses_grader": [], "grades": said}}
    return dumps({"question_id": question(session).id, "traces": traces}).decode()


def measured(name: str, session: Session) -> Prompt:
    """The prompt of one session."""
    [asked] = question(session).asked
    return Prompt(
        name,
        len(session.events),
        len(messages(session).encode()),
        len(answer(session).encode()),
        asked.characters_left_out,
        asked.events_left_out,
    )


def print_table(prompts: list[Prompt], bytes_per_token: float, input_price: float, output_price: float) -> None:
    """One line for each session, then the mean; prices in dollars for a million tokens."""
    print(f"{'session':34}{'events':>7}{'prompt B':>10}{'answer B':>10}{'left out':>10}{'~tokens':>9}{'$/1,000':>9}")
    for p in [*prompts, _mean(prompts)]:
        tokens_in, tokens_out = p.prompt_bytes / bytes_per_token, p.answer_bytes / bytes_per_token
        cost = TRACES * (tokens_in * input_price + tokens_out * output_price) / 1e6
        left_out = f"{p.events_left_out} ev" if p.events_left_out else f"{p.characters_left_out} ch"
        print(
            f"{p.name:34}{p.events:7}{p.prompt_bytes:10}{p.answer_bytes:10}{left_out:>10}"
            f"{tokens_in + tokens_out:9.0f}{cost:9.2f}"
        )


def _mean(prompts: list[Prompt]) -> Prompt:
    fields = ("events", "prompt_bytes", "answer_bytes", "characters_left_out", "events_left_out")
    return Prompt("mean", *(sum(getattr(p, field) for p in prompts) // len(prompts) for field in fields))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bytes-per-token", type=float, default=BYTES_PER_TOKEN)
    parser.add_argument("--input-price", type=float, default=0.15, help="dollars for a million prompt tokens")
    parser.add_argument("--output-price", type=float, default=0.60, help="dollars for a million completion tokens")
    parser.add_argument("--dump", type=Path, help="folder to write each prompt and answer to, for a tokenizer")
    args = parser.parse_args()
    found = list(sessions())
    if args.dump:
        args.dump.mkdir(parents=True, exist_ok=True)
        for name, session in found:
            (args.dump / f"{name}.prompt.txt").write_text(messages(session))
            (args.dump / f"{name}.answer.txt").write_text(answer(session))
    print_table([measured(*one) for one in found], args.bytes_per_token, args.input_price, args.output_price)


if __name__ == "__main__":
    main()
