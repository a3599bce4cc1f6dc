"""Starts one of the sandbox's own programs as another process: what needs a network is never done in the worker."""

from __future__ import annotations

import asyncio
import sys


async def run_module(module: str, *arguments: str, deadline_s: float) -> tuple[int | None, bytes, bytes]:
    """Exit status (None where it was ended at its deadline), standard output and standard error."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", module, *arguments),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(deadline_s):
            output, said = await process.communicate()
    except TimeoutError:
        return None, b"", f"it did not end within {deadline_s:g} s".encode()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return process.returncode, output, said
