"""What a connection sends, and the end of it where the client does not take it.

A client that reads nothing would hold its answers and its descriptor for ever: an answer that is too large for the
socket waits in memory, and a closed connection stays open until its last byte is gone. So answers are taken at the
pace at which bodies have to come, or the connection is cut.
"""

import asyncio
from typing import Any

from ingest_gateway.bodies import Pace


class Outgoing(asyncio.Transport):
    """A connection's transport as its protocol uses it. The protocol tells of `paused`, `resumed` and `lost`."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop, pace: Pace) -> None:
        super().__init__()
        self._transport, self._loop, self._pace = transport, loop, pace
        self._timer: asyncio.TimerHandle | None = None

    def paused(self) -> None:
        """More waits than the socket takes."""
        self._await()

    def resumed(self) -> None:
        """The client took enough for more to be written."""
        if not self.is_closing():
            self.lost()

    def lost(self) -> None:
        """Nothing is waited for any more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def close(self) -> None:
        """Close once everything is taken; nothing more is read."""
        if not self.is_closing():
            self._transport.close()
            self._await()

    def _await(self) -> None:
        self.lost()
        allowed_s = self._pace.allowed_s(self._transport.get_write_buffer_size())
        self._timer = self._loop.call_later(allowed_s, self._transport.abort)

    def write(self, data: Any) -> None:
        """Send, unless it was closed; never blocks."""
        if not self._transport.is_closing():
            self._transport.write(data)

    def is_closing(self) -> bool:
        """Whether it was closed, taken or not."""
        return self._transport.is_closing()

    def pause_reading(self) -> None:
        """Take no more from the client."""
        self._transport.pause_reading()

    def resume_reading(self) -> None:
        """Take more again."""
        self._transport.resume_reading()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """What is known of the socket."""
        return self._transport.get_extra_info(name, default)
