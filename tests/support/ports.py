"""Ports of the loopback that nobody uses, and that nobody is given by chance.

The system chooses ports for outgoing connections, and for servers that ask for any, from a range of its own.
A port of that range may be taken while a server that was killed is away. So these lie below it, and each
process of a parallel test run is given others.
"""

from __future__ import annotations

import fcntl
import socket
import tempfile
from contextlib import closing
from pathlib import Path

_FIRST, _BEHIND = 15_000, 32_000


def free_ports(count: int) -> list[int]:
    """So many different free ports."""
    with Path(tempfile.gettempdir(), "mailwarden-ports").open("a+") as given:
        fcntl.flock(given, fcntl.LOCK_EX)
        given.seek(0)
        last = int(given.read() or _BEHIND)
        ports: list[int] = []
        while len(ports) < count:
            last = last + 1 if last + 1 < _BEHIND else _FIRST
            if _is_free(last):
                ports.append(last)
        given.truncate(0)
        given.write(str(last))
    return ports


def free_port() -> int:
    return free_ports(1)[0]


def _is_free(port: int) -> bool:
    with closing(socket.socket()) as tried:
        tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            tried.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
