"""The shell of the receiver: listens, and ends sessions cleanly when the process has to stop."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Callable, Sequence

from gateway.domain.errors import ConfigError
from services.receiver.admission import Admission
from services.receiver.door import Door
from services.receiver.rules import Rules
from services.receiver.server import House, Session
from services.receiver.spool import Spool

LONGEST_FINISH = 20.0
"""Seconds that messages under way have to be finished when the receiver stops."""

_BACKLOG = 1024

_REMEDIES = {
    errno.EADDRINUSE: "the port is in use: stop the server that has it, or choose another port",
    errno.EACCES: "no permission: ports below 1024 need CAP_NET_BIND_SERVICE, or choose a higher port",
    errno.EADDRNOTAVAIL: "no interface has this address: choose one of this machine, or 0.0.0.0 for all",
}


class Receiver:
    """Takes mail by SMTP until it is stopped."""

    def __init__(
        self, rules: Rules, admission: Admission, spool: Spool, suspended: Callable[[], bool]
    ) -> None:
        self._house = House(rules, Door(rules.limits, suspended), admission, spool)
        self._listeners: list[asyncio.Server] = []

    async def listen(self, addresses: Sequence[tuple[str, int]], *, shared: bool = False) -> None:
        """Open the ports; `shared` with other processes of the receiver. Raises `ConfigError`."""
        for ip, port in addresses:
            try:
                self._listeners.append(
                    await asyncio.get_running_loop().create_server(
                        lambda: Session(self._house), ip, port, backlog=_BACKLOG, reuse_port=shared
                    )
                )
            except OSError as error:
                self._stop_listening()
                remedy = _REMEDIES.get(error.errno or 0, error.strerror or str(error))
                raise ConfigError(f"[smtpgw.network] ListenOn={ip}:{port}: {remedy}") from error

    @property
    def ports(self) -> tuple[int, ...]:
        """The ports that are open, in the order of the addresses: those that were given as 0 were chosen."""
        return tuple(sock.getsockname()[1] for server in self._listeners for sock in server.sockets)

    @property
    def sessions(self) -> tuple[Session, ...]:
        """Those that are open."""
        return tuple(self._house.sessions)

    async def stop(self, within: float = LONGEST_FINISH) -> None:
        """Take no more connections, end idle sessions, and let messages under way be finished."""
        self._stop_listening()
        self._house.door.closing = True
        tasks = [session.task() for session in self.sessions]
        for session in self.sessions:
            session.close()
        if not tasks:
            return

        _, unfinished = await asyncio.wait(tasks, timeout=within)
        for task in unfinished:
            task.cancel()
        await asyncio.gather(*unfinished, return_exceptions=True)

    def _stop_listening(self) -> None:
        for server in self._listeners:
            server.close()
        self._listeners.clear()
