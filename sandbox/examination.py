"""The operator's black-box tests in a container where no code of a trace ever is; the program they call is in another.

The two containers have nothing in common: no process, no file, no network. What a test asks is read here and handed to
the program's container as a command with its input; what the program said is handed back as data.
"""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipeline.reports.model import BadReport
from sandbox.environment import Environment, Environments, ExecResult
from sandbox.failures import NoVerdict, tail, timeout, unverifiable
from sandbox.programs import Answer, Program, Programs
from sandbox.results import Results
from sandbox.runners.python import PYTEST
from sandbox.runners.runner import Plan
from sandbox.spec import HOME, WORK, Limits
from sandbox.transfer import packed

AT_ONCE = 4  # programs that a test may have at the same time
_MODULE = Path(__file__).parent / "runners" / "inside" / "program.py"
_PIPES = "/tmp/examination"
_SET_UP = f'mkdir {WORK} {HOME} {_PIPES} && mkfifo {_PIPES}/asked {_PIPES}/told && head -c "$1" | tar -x -C {WORK}'
# hands over what was said to the last question and waits for the next one
_EXCHANGE = f'[ "$1" = 0 ] || head -c "$1" >{_PIPES}/told; exec cat {_PIPES}/asked'


async def examine(
    environments: Environments, tests: Mapping[str, bytes], programs: Programs, limits: Limits, nonce: str
) -> tuple[Results, int]:
    """The status of each test, by its id, and the microseconds that all took. Raises NoVerdict, and as `start` does."""
    environment = await environments.start(limits.lifetime_s + limits.prepare_timeout_s, PYTEST.image)
    plan = Plan(selection=(), nonce=nonce)
    try:
        await _set_up(environment, tests, limits)
        async with AsyncExitStack() as stack:
            desk = _Desk(programs, stack)
            done = await _answered(_run(environment, plan, limits), _serve(environment, desk, limits))
    finally:
        await environment.close()
    return _results(done, plan, limits), done.duration_us


async def _set_up(environment: Environment, tests: Mapping[str, bytes], limits: Limits) -> None:
    files = packed({**tests, _MODULE.name: _MODULE.read_bytes()})
    command = ["sh", "-c", _SET_UP, "set-up", str(len(files))]
    done = await environment.run(
        command,
        trusted=True,
        deadline_s=limits.prepare_timeout_s,
        output_bytes=limits.output_bytes,
        stdin=files,
    )
    if done.exit_code != 0:
        raise NoVerdict(unverifiable("bad_task", tail(done.output)))


async def _run(environment: Environment, plan: Plan, limits: Limits) -> ExecResult:
    return await environment.run(
        PYTEST.command(plan),
        trusted=True,
        deadline_s=limits.lifetime_s,
        output_bytes=limits.output_bytes,
        folder=WORK,
        environment=PYTEST.environment,
        stdin=PYTEST.stdin(plan),
        report_bytes=limits.report_bytes,
    )


async def _answered(tests: Any, service: Any) -> ExecResult:
    """What became of the tests, while they are answered. Raises what the service does, which else goes on for ever."""
    testing, serving = asyncio.ensure_future(tests), asyncio.ensure_future(service)
    try:
        await asyncio.wait({testing, serving}, return_when=asyncio.FIRST_COMPLETED)
        if not testing.done():
            serving.result()
        done: ExecResult = await testing
        return done
    finally:
        testing.cancel()
        serving.cancel()
        await asyncio.gather(testing, serving, return_exceptions=True)


async def _serve(environment: Environment, desk: _Desk, limits: Limits) -> None:
    told = b""
    while True:
        asked = await environment.run(
            ["sh", "-c", _EXCHANGE, "exchange", str(len(told))],
            trusted=True,
            deadline_s=limits.lifetime_s,
            output_bytes=limits.output_bytes,
            stdin=told,
            report_bytes=limits.report_bytes,
        )
        if asked.exit_code != 0 or not asked.report:
            raise NoVerdict(
                unverifiable("bad_task", f"a test asked for something that is no call: {tail(asked.output)}")
            )
        told = await desk.answer(json.loads(asked.report))


@dataclass(slots=True)
class _Desk:
    """The programs that the tests have open, by number."""

    programs: Programs
    stack: AsyncExitStack
    _open: dict[int, tuple[Program, AsyncExitStack]] = field(default_factory=dict)

    async def answer(self, request: Mapping[str, Any]) -> bytes:
        """What is told to a request, as text. Raises NoVerdict."""
        number, answer = int(request["program"]), None
        if argv := request.get("argv"):
            program = await self._program(number)
            answer = await program.call([str(word) for word in argv], base64.b64decode(request["stdin"]))
        if request["end"] and number in self._open:
            await self._open.pop(number)[1].aclose()
        return json.dumps(_told(answer) if answer else {}).encode()

    async def _program(self, number: int) -> Program:
        if number not in self._open:
            if len(self._open) == AT_ONCE:
                raise NoVerdict(unverifiable("bad_task", f"a test has more than {AT_ONCE} programs at once"))
            own = await self.stack.enter_async_context(AsyncExitStack())
            self._open[number] = (await own.enter_async_context(self.programs.started("a black-box test")), own)
        return self._open[number][0]


def _told(answer: Answer) -> dict[str, Any]:
    if answer.stdout is None:
        return _told(Answer(b"", b"more output than the limit", None, answer.duration_us))
    stdout, stderr = (base64.b64encode(each).decode() for each in (answer.stdout, answer.stderr))
    return {"stdout": stdout, "stderr": stderr, "exit_status": answer.exit_status}


def _results(done: ExecResult, plan: Plan, limits: Limits) -> Results:
    if done.timed_out:
        raise NoVerdict(timeout("black-box tests", limits.lifetime_s))
    try:
        results = PYTEST.parse(done.report or b"", plan).results
    except BadReport as error:
        raise NoVerdict(unverifiable("bad_task", f"black-box tests: {error}: {tail(done.output)}")) from error
    if unloaded := [id for id in results if "::" not in id]:
        raise NoVerdict(
            unverifiable("bad_task", f"black-box tests: {unloaded[0]} cannot be loaded: {tail(done.output)}")
        )
    if not results:
        raise NoVerdict(unverifiable("bad_task", "black-box tests: there are none"))
    return results
