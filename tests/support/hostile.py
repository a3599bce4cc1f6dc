"""Connections that mean harm: raw bytes, as slow or as many as one likes, and no wish to be answered."""

from __future__ import annotations

import asyncio
import socket
import struct
import zlib
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass

import zstandard

PIECE = 65_536
PATIENCE_S = 30.0
MIB = 1024 * 1024


@dataclass(frozen=True)
class Outcome:
    """What came back, and whether the server ended the connection."""

    received: bytes
    closed: bool

    @property
    def statuses(self) -> set[int]:
        """The statuses of the answers."""
        return {int(part[:3]) for part in self.received.split(b"HTTP/1.1 ")[1:]}


async def attack(port: int, pieces: Iterable[bytes], pause_s: float = 0.0, half_close: bool = False) -> Outcome:
    """Send piece after piece, maybe without end, until the server ends it or PATIENCE_S is over; then go away."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    listening = asyncio.create_task(_listen(reader))
    sending = asyncio.create_task(_send(writer, pieces, pause_s, half_close))
    done, _ = await asyncio.wait((listening,), timeout=PATIENCE_S)
    for task in (sending, listening):
        task.cancel()
    await asyncio.gather(sending, listening, return_exceptions=True)
    writer.transport.abort()
    return Outcome(listening.result() if done else b"", bool(done))


async def _send(writer: asyncio.StreamWriter, pieces: Iterable[bytes], pause_s: float, half_close: bool) -> None:
    with suppress(ConnectionError):
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(pause_s)
        if half_close:
            writer.write_eof()


async def _listen(reader: asyncio.StreamReader) -> bytes:
    received = bytearray()
    with suppress(ConnectionError):
        while piece := await reader.read(PIECE):
            received += piece
    return bytes(received)


async def hold(port: int, content: bytes, until: asyncio.Event) -> None:
    """Send this, then neither read nor close until told."""
    loop = asyncio.get_running_loop()
    with socket.socket() as held:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        held.setblocking(False)
        await loop.sock_connect(held, ("127.0.0.1", port))
        with suppress(ConnectionError, TimeoutError):
            await asyncio.wait_for(loop.sock_sendall(held, content), 2)
        await until.wait()


async def reset(port: int, content: bytes) -> None:
    """Send this and break the connection off (RST)."""
    loop = asyncio.get_running_loop()
    with socket.socket() as broken:
        broken.setblocking(False)
        await loop.sock_connect(broken, ("127.0.0.1", port))
        await loop.sock_sendall(broken, content)
        broken.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def head(path: str, *lines: str, method: str = "POST") -> bytes:
    """The head of a request."""
    return "\r\n".join([f"{method} {path} HTTP/1.1", "Host: gateway", *lines, "", ""]).encode()


def drips(content: bytes) -> list[bytes]:
    """One byte at a time."""
    return [bytes([byte]) for byte in content]


def gzip_bomb(size: int) -> bytes:
    """So many zeros in one member, a thousandth of that on the wire."""
    packer = zlib.compressobj(9, wbits=31)
    return b"".join([*(packer.compress(bytes(MIB)) for _ in range(size // MIB)), packer.flush()])


def zstd_bomb(size: int, promised: bool) -> bytes:
    """So many zeros in one frame, that tells its size or does not."""
    packer = zstandard.ZstdCompressor(level=3).compressobj(size if promised else -1)
    return b"".join([*(packer.compress(bytes(MIB)) for _ in range(size // MIB)), packer.flush()])
