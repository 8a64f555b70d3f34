"""A memory with a bound: each value for its own time, the least used ones give way."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class TtlCache(Generic[K, V]):
    """Holds at most `most` values. An expired one is never given out."""

    def __init__(self, most: int, clock: Callable[[], float]) -> None:
        self._most = most
        self._clock = clock  # seconds, monotonic
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
        self._held[key] = (self._clock() + seconds, value)
        self._held.move_to_end(key)
        if len(self._held) > self._most:
            self._held.popitem(last=False)
