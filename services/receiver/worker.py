"""The shell of the receiver: listens, and ends sessions cleanly when the process has to stop."""

from __future__ import annotations

import socket
from collections.abc import Sequence

from gateway.domain.errors import ConfigError
from services.receiver.entrance import Entrance
from services.receiver.listening import Listener, open_port
from services.receiver.server import House, Session

LONGEST_FINISH = 20.0
"""Seconds that messages under way have to be finished when the receiver stops."""


class Receiver:
    """Takes mail by SMTP until it is stopped."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._entrance = Entrance(house)
        self._listeners: list[Listener] = []

    def listen(
        self, addresses: Sequence[tuple[str, int]], *, shared: bool = False, encrypted: bool = False
    ) -> None:
        """Open ports; `shared` with other processes, `encrypted` from the first byte.

        Raises `ConfigError`.
        """
        parameter = "[gateway.tls] ListenOn" if encrypted else "[smtpgw.network] ListenOn"
        arrived = self._entrance.encrypted if encrypted else self._entrance.plain
        opened: list[socket.socket] = []
        try:
            for ip, port in addresses:
                opened.append(open_port(parameter, ip, port, shared=shared))
        except ConfigError:
            for sock in opened:
                sock.close()
            raise
        self._listeners += (Listener(sock, arrived) for sock in opened)

    @property
    def ports(self) -> tuple[int, ...]:
        """The ports that are open, in the order of the addresses: those that were given as 0 were chosen."""
        return tuple(listener.port for listener in self._listeners)

    @property
    def sessions(self) -> tuple[Session, ...]:
        """Those that are open."""
        return tuple(self._house.sessions)

    async def stop(self, within: float = LONGEST_FINISH) -> None:
        """Take no more connections, end idle sessions, and let messages under way be finished."""
        self._stop_listening()
        self._house.door.closing = True
        for session in self.sessions:
            session.close()
        await self._entrance.close(within)

    def _stop_listening(self) -> None:
        for listener in self._listeners:
            listener.close()
        self._listeners.clear()
