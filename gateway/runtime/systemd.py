"""Telling systemd how the gateway is (sd_notify), where systemd asked for it."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import MutableMapping
from contextlib import suppress


class Systemd:
    """Who started us, if that was systemd with `Type=notify`; otherwise every call is harmless."""

    def __init__(self, address: str, watchdog: float) -> None:
        self._address = address
        self._watchdog = watchdog

    @classmethod
    def told_by(cls, environment: MutableMapping[str, str]) -> Systemd:
        """What the environment says. Its variables are taken away: they are not our children's."""
        address = environment.pop("NOTIFY_SOCKET", "")
        microseconds = environment.pop("WATCHDOG_USEC", "")
        environment.pop("WATCHDOG_PID", None)
        return cls(address, int(microseconds) / 1e6 if microseconds.isdecimal() else 0.0)

    def tell(self, state: str) -> None:
        """Say `READY=1`, `STOPPING=1` and the like."""
        if not self._address:
            return
        # A leading @ is how the environment writes the zero byte of an abstract address.
        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        # It may restart: what it did not hear now, it hears with the next sign of life.
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
            notify.setblocking(False)
            notify.sendto(state.encode(), address)

    async def stay_in_touch(self) -> None:
        """Give the signs of life that systemd's own watchdog wants, until cancelled."""
        if not self._watchdog:
            return
        while True:
            self.tell("WATCHDOG=1")
            await asyncio.sleep(self._watchdog / 2)
