"""Commands on their way to those who listen inside this process."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

from gateway.domain.commands import Command

MOST_UNHEARD = 1000
"""So many commands are kept for a listener that is busy; after that it asks for the present state."""


class Listener(AsyncIterator[Command | None]):
    """Commands that one listener has not yet heard, in order."""

    def __init__(self) -> None:
        self._unheard: deque[Command | None] = deque()
        self._woken = asyncio.Event()
        self._left = False

    async def __anext__(self) -> Command | None:
        while not self._left:
            if self._unheard:
                return self._unheard.popleft()
            self._woken.clear()
            await self._woken.wait()
        raise StopAsyncIteration

    def hear(self, command: Command | None) -> None:
        """Add a command, or None for some that were missed."""
        if len(self._unheard) >= MOST_UNHEARD:
            self._unheard.clear()
            self._unheard.append(None)
        self._unheard.append(command)
        self._woken.set()

    def leave(self) -> None:
        """Hear no more."""
        self._left = True
        self._woken.set()


class Listeners:
    """All who listen in this process."""

    def __init__(self) -> None:
        self._listening: set[Listener] = set()

    def tell(self, command: Command) -> None:
        """Give `command` to all of them."""
        for listener in self._listening:
            listener.hear(command)

    @contextmanager
    def listen(self) -> Iterator[Listener]:
        """Be one of them. It begins with None: what was said before, nobody heard."""
        listener = Listener()
        listener.hear(None)
        self._listening.add(listener)
        try:
            yield listener
        finally:
            self._listening.discard(listener)
            listener.leave()
