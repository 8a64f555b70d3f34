"""The ports that clients connect to."""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
from collections.abc import Callable

from gateway.domain.access import Address, client_address
from gateway.domain.errors import ConfigError

_BACKLOG = 1024

_AT_ONCE = 64
"""Connections taken before others have their turn."""

_PAUSE = 1.0
"""Seconds before connections are taken again, when the system has no more of what they need."""

_EXHAUSTED = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})

_REMEDIES = {
    errno.EADDRINUSE: "the port is in use: stop the server that has it, or choose another port",
    errno.EACCES: "no permission: ports below 1024 need CAP_NET_BIND_SERVICE, or choose a higher port",
    errno.EADDRNOTAVAIL: "no interface has this address: choose one of this machine, or 0.0.0.0 for all",
}

_log = logging.getLogger(__name__)


class Listener:
    """One open port. Each connection is given to `arrived`, with the address that it comes from.

    Connections are taken here and not by the loop's own server, so that who is turned away costs no more
    than one reply, and what a balancer says can be read before anything else is.
    """

    def __init__(self, sock: socket.socket, arrived: Callable[[socket.socket, Address], None]) -> None:
        self._socket = sock
        self._arrived = arrived
        self._loop = asyncio.get_running_loop()
        self._pausing: asyncio.TimerHandle | None = None
        self._open()

    @property
    def port(self) -> int:
        """The port, also where the system was left to choose one."""
        port: int = self._socket.getsockname()[1]
        return port

    def close(self) -> None:
        """Take no more connections."""
        if self._pausing is not None:
            self._pausing.cancel()
        self._loop.remove_reader(self._socket)
        self._socket.close()

    def _open(self) -> None:
        self._loop.add_reader(self._socket, self._take)

    def _take(self) -> None:
        for _ in range(_AT_ONCE):
            try:
                client, address = self._socket.accept()
            except (BlockingIOError, InterruptedError):
                return
            except ConnectionError:
                continue  # it was gone before it was taken
            except OSError as problem:
                if problem.errno not in _EXHAUSTED:
                    continue  # what the network has against one connection it tells us here (accept(2))
                self._pause(problem)
                return
            client.setblocking(False)
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._arrived(client, client_address(address[0].partition("%")[0]))

    def _pause(self, problem: OSError) -> None:
        _log.error("no connection can be taken for the next %.0f s: %s", _PAUSE, problem.strerror)
        self._loop.remove_reader(self._socket)
        self._pausing = self._loop.call_later(_PAUSE, self._open)


def open_port(parameter: str, ip: str, port: int, *, shared: bool) -> socket.socket:
    """A socket that listens; `shared` with other processes. Raises `ConfigError`, which names `parameter`."""
    sock = socket.socket(socket.AF_INET6 if ":" in ip else socket.AF_INET)
    try:
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if sock.family == socket.AF_INET6:
            # [::] is all of IPv6 alone, so that 0.0.0.0 can be listened on beside it.
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind((ip, port))
        sock.listen(_BACKLOG)
    except OSError as error:
        sock.close()
        remedy = _REMEDIES.get(error.errno or 0, error.strerror or str(error))
        raise ConfigError(f"{parameter}={ip}:{port}: {remedy}") from error
    return sock
