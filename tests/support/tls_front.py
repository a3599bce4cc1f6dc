"""TLS in front of a server that speaks in the clear: what it gets is passed on, byte by byte, by a process of its own.

`python -m tests.support.tls_front PORT PORT_BEHIND CERTIFICATE KEY`
"""

from __future__ import annotations

import asyncio
import ssl
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.support.certificates import Authority
from tests.support.ports import accepts_connections, free_port
from tests.support.processes import running


@contextmanager
def tls_front(behind: int, authority: Authority, log: Path) -> Iterator[int]:
    """The port on 127.0.0.1 at which the server on port `behind` is reached by TLS."""
    port = free_port()
    places = [str(place) for place in (port, behind, authority.certificate, authority.key)]
    with running([sys.executable, "-m", __name__, *places], log, lambda: accepts_connections(port)):
        yield port


async def _serve(port: int, behind: int, certificate: str, key: str) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)

    async def join(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        behind_reader, behind_writer = await asyncio.open_connection("127.0.0.1", behind)
        await asyncio.gather(_pass_on(reader, behind_writer), _pass_on(behind_reader, writer))

    server = await asyncio.start_server(join, "127.0.0.1", port, ssl=context)
    await server.serve_forever()


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    writer.close()


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4]))
