"""Ports for the servers that tests start: free ones of the loopback interface, never the defaults."""

from __future__ import annotations

import socket

from deploy.embedded.ports import free_port

__all__ = ["accepts_connections", "free_port"]


def accepts_connections(port: int) -> bool:
    """Whether somebody listens on 127.0.0.1:`port`."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
