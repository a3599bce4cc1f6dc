"""What a judge model costs in each mode: `python -m benchmarks.judge_cost`, for the example stories and the real
sessions at hand.

The real judge runs over all sessions at once, with a model that only writes down what it is asked and answers with the
heuristic judge's words. Requests and their bytes are measured. Tokens are estimated from bytes: BYTES_PER_TOKEN was
measured on these same prompts with the vocabulary of gpt-4o-mini (docs/judging.md says how). Prices are arguments.
"""

import argparse
import asyncio
import json
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path
from typing import Any

from clients.importers import import_session
from clients.recorded import Session
from examples.stories import STORIES
from judge.asking import Asking
from judge.budget import Budget
from judge.client import Exchange, JudgeModel, Settled
from judge.features import Features, features
from judge.heuristics import grade
from judge.judging import Case, Judgement
from judge.model import Manner, ModelJudge
from judge.prompt import Asked, Question
from judge.rubric import load
from judge.verdict import OURS, Reply
from pipeline.canonical import dumps
from pipeline.objectstore import FolderStore
from schemas.events import EVENT_ADAPTER
from schemas.records import Grade

PROJECT = Path(__file__).parents[1]
SESSIONS = (PROJECT / "examples" / "real", PROJECT.parent / "shared" / "data" / "trajectories" / "mini-swe-agent")
STARTED_AT_S = 1_700_000_000.0
RUBRIC = load((files("judge") / "rubrics" / "rubric-1.0.yaml").read_text())
BYTES_PER_TOKEN = 3.56
TRACES = 1_000
QUOTES, QUOTE_LENGTH = 2, 60
"""Quotes for a grade and characters of one, as assumed."""
MODES = {
    "all": Manner("all"),
    "criterion": Manner("criterion"),
    "batch of 4": Manner("batch", 4),
}
PANEL = 3


@dataclass(frozen=True)
class Trace:
    """A session as a judge gets it, and the heuristic judge's grades of it."""

    name: str
    title: str
    document: Mapping[str, Any]
    features: Features
    grades: tuple[Grade, ...]

    @property
    def case(self) -> Case:
        return Case(self.name, "sha256:head", "default", self.document, self.features)


def traces() -> Iterator[tuple[str, Trace]]:
    """("told" or "real", trace): the told sessions, then every real one that is here."""
    for name, story in STORIES.items():
        yield "told", _trace(name, story.session(STARTED_AT_S))
    found = {path.name.split(".")[0]: path for folder in SESSIONS for path in folder.glob("*.traj.json.gz")}
    for name, path in sorted(found.items()):
        yield "real", _trace(name, import_session("mini-swe-agent", path.read_bytes()))


def _trace(name: str, session: Session) -> Trace:
    told = session.trace
    # The task's title is what the recording model knows a trace by.
    read: dict[str, Any] = {
        "environment": dict(told.environment),
        "events": [EVENT_ADAPTER.validate_json(dumps(dict(event))).stored() for event in session.events],
        "repo": {"start_commit": told.start_commit or "not recorded"},
        "task": {"title": told.task_title, "description": told.task_description or ""},
    }
    found = features(read)
    grades = grade(RUBRIC, found, {event["seq"]: event["type"] for event in read["events"]})
    return Trace(name, told.task_title, read, found, grades)


class Recording(JudgeModel):
    """A model that is never called: it keeps the questions and answers within the protocol."""

    def __init__(self, known: list[Trace]) -> None:
        super().__init__(Settled("recording"), None)
        self.asked: list[tuple[Question, str]] = []
        self._by_title = {trace.title: trace for trace in known}
        assert len(self._by_title) == len(known), "two sessions have the same title"

    async def ask(self, question: Question) -> Exchange:
        shown = json.loads(question.messages[1]["content"])["evidence"]
        told = {one.label: _told(one, self._by_title[shown[one.label]["task"]["title"]]) for one in question.asked}
        content = dumps({"question_id": question.id, "traces": told}).decode()
        self.asked.append((question, content))
        return Exchange({"messages": list(question.messages)}, Reply(content), metered=True, took_us=0)


def _told(asked: Asked, trace: Trace) -> dict[str, Any]:
    given = {grade.criterion: grade for grade in trace.grades}
    return {
        "addresses_grader": [],
        "grades": {criterion.id: _grade(given[criterion.id], asked) for criterion in asked.criteria},
    }


def _grade(given: Grade, asked: Asked) -> dict[str, Any]:
    cited = [seq for seq in given.cited_seqs if seq in asked.events] or [min(asked.events)]
    quotes = [{"seq": seq, "text": _quote(asked.events[seq][0])} for seq in cited[:QUOTES]]
    return {"rationale": given.rationale, "cited_seqs": cited, "quotes": quotes, "grade": given.grade}


def _quote(event: Mapping[str, Any]) -> str:
    texts = [" ".join(text.split())[:QUOTE_LENGTH] for text in event.values() if isinstance(text, str)]
    return max((text for text in texts if not OURS.search(text)), key=len)


@dataclass(frozen=True)
class Measured:
    """What a mode took for a set of traces, in all."""

    traces: int
    calls: int
    prompt_bytes: int
    answer_bytes: int
    characters_left_out: int

    def times(self, number: int) -> "Measured":
        """The same several times over."""
        more = {name: number * getattr(self, name) for name in ("calls", "prompt_bytes", "answer_bytes")}
        return replace(self, **more)


async def measured(manner: Manner, known: list[Trace]) -> tuple[Measured, list[tuple[Question, str]]]:
    """The traces judged in a mode, all coming at once; what was asked and answered."""
    model = Recording(known)
    with tempfile.TemporaryDirectory() as folder:
        judge = ModelJudge(RUBRIC, model, Asking(model, None, Budget()), manner, FolderStore(Path(folder)))
        judgements: list[Judgement] = await asyncio.gather(*(judge.judge(trace.case) for trace in known))
        await judge.close()
    unscored = [judgement.detail for judgement in judgements if judgement.reason]
    assert not unscored, unscored
    assert all(len(question.messages) == 2 for question, _ in model.asked), "a reply had to be mended"
    total = Measured(
        len(known),
        len(model.asked),
        sum(len(prompt_of(question).encode()) for question, _ in model.asked),
        sum(len(answer.encode()) for _, answer in model.asked),
        sum(judgement.left_out_characters for judgement in judgements),
    )
    return total, model.asked


def prompt_of(question: Question) -> str:
    """Everything that is sent for a question, as one text."""
    return "\n".join([*(message["content"] for message in question.messages), dumps(question.schema).decode()])


def line(name: str, took: Measured, args: argparse.Namespace) -> str:
    """A line of the table; per trace, and the cost of 1,000 traces in dollars."""
    tokens_in, tokens_out = (
        size / took.traces / args.bytes_per_token for size in (took.prompt_bytes, took.answer_bytes)
    )
    cost = TRACES * (tokens_in * args.input_price + tokens_out * args.output_price) / 1e6
    return (
        f"{name:22}{took.calls / took.traces:8.2f}{took.prompt_bytes / took.traces:12,.0f}{tokens_in:11,.0f}"
        f"{tokens_out:9,.0f}{took.characters_left_out / took.traces:10,.0f}{cost:9.2f}"
    )


async def run(args: argparse.Namespace) -> None:
    """Measure and print every mode on every set of traces."""
    found = list(traces())
    print(f"{'':22}{'calls':>8}{'prompt B':>12}{'~tokens in':>11}{'~out':>9}{'left out':>10}{'$/1,000':>9}")
    for kind in ("told", "real"):
        if known := [trace for name, trace in found if name == kind]:
            print(
                f"{len(known)} {kind} sessions, {sum(len(t.document['events']) for t in known) / len(known):.0f} events"
            )
            await _modes(known, kind, args)


async def _modes(known: list[Trace], kind: str, args: argparse.Namespace) -> None:
    for name, manner in MODES.items():
        took, asked = await measured(manner, known)
        print(line(f"  {name}", took, args))
        if manner.mode == "all":
            print(line(f"  panel of {PANEL}, all", took.times(PANEL), args))
        if args.dump:
            _dump(args.dump / f"{kind}-{manner.mode}", asked)


def _dump(folder: Path, asked: list[tuple[Question, str]]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for number, (question, answer) in enumerate(asked):
        (folder / f"{number:03}.prompt.txt").write_text(prompt_of(question))
        (folder / f"{number:03}.answer.txt").write_text(answer)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bytes-per-token", type=float, default=BYTES_PER_TOKEN)
    parser.add_argument("--input-price", type=float, default=0.15, help="dollars for a million prompt tokens")
    parser.add_argument("--output-price", type=float, default=0.60, help="dollars for a million completion tokens")
    parser.add_argument("--dump", type=Path, help="folder to write each prompt and answer to, for a tokenizer")
    asyncio.run(run(parser.parse_args()))


if __name__ == "__main__":
    main()
