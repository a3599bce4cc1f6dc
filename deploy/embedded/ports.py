"""A TCP port of the loopback interface that is free at this moment."""

from __future__ import annotations

import socket


def free_port() -> int:
    """A port chosen by the kernel. Nothing holds it: bind soon, and be ready for somebody else having it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
