"""A memory with a bound: each value for its own time, the least used ones give way."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


PURGE_SECONDS = 43200.0
"""How long expired values that nobody asks for may stay, where nothing else is said."""


class TtlCache(Generic[K, V]):
    """Holds at most `most` values. An expired one is never given out, and goes at the next purge."""

    def __init__(
        self, most: int, clock: Callable[[], float], *, purge_seconds: float = PURGE_SECONDS
    ) -> None:
        self._most = most
        self._clock = clock  # seconds, monotonic
        self._purge_seconds = purge_seconds
        self._purge_at = clock() + purge_seconds
        self._held: OrderedDict[K, tuple[float, V]] = OrderedDict()  # least recently used first

    def get(self, key: K) -> V | None:
        """The value of `key`, if there is one whose time is not over."""
        held = self._held.get(key)
        if held is None:
            return None
        expires, value = held
        if self._clock() >= expires:
            del self._held[key]
            return None
        self._held.move_to_end(key)
        return value

    def put(self, key: K, value: V, seconds: float) -> None:
        """Hold `value` for so many seconds."""
        now = self._clock()
        if now >= self._purge_at:
            self._purge(now)
        self._held[key] = (now + seconds, value)
        self._held.move_to_end(key)
        if len(self._held) > self._most:
            self._held.popitem(last=False)

    def clear(self) -> None:
        """Forget all of it."""
        self._held.clear()

    def __len__(self) -> int:
        """Values that are held, expired ones included."""
        return len(self._held)

    def _purge(self, now: float) -> None:
        self._purge_at = now + self._purge_seconds
        for key in [key for key, (expires, _) in self._held.items() if now >= expires]:
            del self._held[key]
