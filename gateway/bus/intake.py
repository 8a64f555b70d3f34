"""Hands out what arrives, never more at once than its taker asked for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Generic, TypeVar

MOST_TAKES = 20
"""A mail that was taken so often without an end does harm to who takes it: it is parked."""

T = TypeVar("T")


class Intake(AsyncIterator[T], Generic[T]):
    """An iterator over what `pop` gives, with at most `prefetch` at once that are not ended.

    It never blocks anybody else: who makes something available calls `wake`.
    """

    def __init__(self, pop: Callable[[], T | None], prefetch: int) -> None:
        self._pop = pop
        self._prefetch = prefetch
        self._woken = asyncio.Event()
        self._left = False
        self.taken = 0

    async def __anext__(self) -> T:
        while not self._left:
            if self.taken < self._prefetch and (taken := self._pop()) is not None:
                self.taken += 1
                return taken
            self._woken.clear()
            await self._woken.wait()
        raise StopAsyncIteration

    @property
    def left(self) -> bool:
        """Whether nothing is handed out any more."""
        return self._left

    def wake(self) -> None:
        """Something may be there to take."""
        self._woken.set()

    def ended(self) -> None:
        """One that was taken is done, or was given back."""
        self.taken -= 1
        self._woken.set()

    def leave(self) -> None:
        """Hand out no more: who waits for the next one is told that there is none."""
        self._left = True
        self._woken.set()
