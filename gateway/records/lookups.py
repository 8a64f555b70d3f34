"""Look-ups that many make at once, answered by one query."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Generic, TypeVar

V = TypeVar("V")


class Lookups(Generic[V]):
    """Asks one query at a time; whoever comes meanwhile shares the next one."""

    def __init__(self, ask: Callable[[Collection[str]], Awaitable[Mapping[str, V]]], unknown: V) -> None:
        self._ask = ask
        self._unknown = unknown
        self._turn = asyncio.Lock()
        self._wanted: set[str] = set()
        self._next: asyncio.Task[Mapping[str, V]] | None = None

    async def find(self, key: str) -> V:
        """What is known under `key`, or `unknown`; all who share a query share its failure too."""
        if self._next is None:
            self._next = asyncio.create_task(self._answer())
        self._wanted.add(key)
        # One who is cancelled must not take the answer from the others.
        found = await asyncio.shield(self._next)
        return found.get(key, self._unknown)

    async def _answer(self) -> Mapping[str, V]:
        async with self._turn:
            wanted, self._wanted, self._next = self._wanted, set(), None
            return await self._ask(wanted)
