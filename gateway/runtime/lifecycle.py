"""The life of one process: what runs in it, what an operator suspended, and when it ends."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from enum import StrEnum

from gateway.domain.pipeline import Module
from gateway.runtime.heartbeat import INTERVAL, Heartbeat

DRAIN_SECONDS = 30.0
"""How long work in hand may go on after the process was told to stop."""


class Phase(StrEnum):
    """Where a process is in its life."""

    STARTING = "starting"  # some service of it has not begun its work
    WORKING = "working"
    DRAINING = "draining"  # it takes no more work


class Lifecycle:
    """Shared by all that runs in one process."""

    def __init__(self, heartbeat: Heartbeat) -> None:
        self.stopping = asyncio.Event()
        self.begins_anew = False
        self._heartbeat = heartbeat
        self._suspended: frozenset[Module] = frozenset()
        self._changed = asyncio.Event()
        self._awaited: set[str] = set()

    @property
    def phase(self) -> Phase:
        """Where the process is in its life."""
        if self.stopping.is_set():
            return Phase.DRAINING
        return Phase.STARTING if self._awaited else Phase.WORKING

    def expect(self, modules: Iterable[str]) -> None:
        """The process works once all of these are ready."""
        self._awaited.update(modules)

    def live(self, may_begin_anew: Callable[[], bool]) -> None:
        """Begin: hear signals, and whether the supervisor is gone, in the running loop.

        `may_begin_anew` is asked at HUP whether the process could start again.
        """
        self.stop_on_signals()
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGHUP, lambda: self.begin_anew() if may_begin_anew() else None)
        self._heartbeat.when_orphaned(self.stop)

    def stop_on_signals(self) -> None:
        """TERM, INT and QUIT stop the process (reference, section 9.2)."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT):
            loop.add_signal_handler(number, self.stop)

    def stop(self) -> None:
        """Take no more work; what is in hand may end within `DRAIN_SECONDS`."""
        self.stopping.set()
        self._wake()

    @property
    def is_watched(self) -> bool:
        """Whether somebody starts this process anew when it ends."""
        return self._heartbeat.is_heard

    def begin_anew(self) -> None:
        """Stop, and start again in the same process; not while it stops for good."""
        if not self.stopping.is_set():
            self.begins_anew = True
            self.stop()

    def is_suspended(self, module: Module) -> bool:
        """Whether an operator suspended that module."""
        return module in self._suspended

    def set_suspended(self, modules: Iterable[Module]) -> None:
        """These modules are suspended, all others are not."""
        self._suspended = frozenset(modules)
        self._wake()

    def suspend(self, module: Module) -> None:
        """One more module is suspended."""
        self.set_suspended(self._suspended | {module})

    def resume(self, module: Module) -> None:
        """That module goes on."""
        self.set_suspended(self._suspended - {module})

    async def until_active(self, module: Module) -> None:
        """Return when the module is not suspended, or the process stops."""
        while self.is_suspended(module) and not self.stopping.is_set():
            await self._changed.wait()

    async def until_inactive(self, module: Module) -> None:
        """Return when the module is suspended, or the process stops."""
        while not self.is_suspended(module) and not self.stopping.is_set():
            await self._changed.wait()

    async def pause(self, seconds: float) -> None:
        """Wait, but no longer than until the process stops."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.stopping.wait()

    def ready(self, module: str) -> None:
        """The module can do its work now."""
        self._awaited.discard(module)
        self._heartbeat.ready(module)

    async def beat_while(self, module: str, work: Awaitable[None]) -> None:
        """Do `work`, and tell the watchdog of `module` for as long as it lasts."""
        beating = asyncio.create_task(self._beat(module))
        try:
            await work
        finally:
            beating.cancel()

    async def _beat(self, module: str) -> None:
        while True:
            self._heartbeat.beat(module)
            await asyncio.sleep(INTERVAL)

    def _wake(self) -> None:
        # Whoever waits sees this event set; later waiters get a new one.
        self._changed.set()
        self._changed = asyncio.Event()
