"""What taking things apart may cost: objects, depth, bytes and seconds, whatever a message holds.

One budget goes through all that is opened of a message. What it stops is never called clean: who meets a
bound says which one.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

MB = 1 << 20


@dataclass(frozen=True, slots=True)
class Limits:
    """The bounds of one message (`[gateway.objects]`)."""

    depth: int = 16  # containers inside each other
    objects: int = 10_000
    object_size: int = 64 * MB  # bytes of one object
    total_size: int = 256 * MB  # bytes of all objects that come out of containers
    ratio: int = 250  # bytes that come out for each byte that goes in...
    free_size: int = 16 * MB  # ...beyond so many, that any attachment may have
    seconds: float = 120.0


class Exceeded(Exception):
    """A bound is reached, and nothing more is opened."""


class Budget:
    """What is left of the limits while one message is taken apart."""

    def __init__(self, limits: Limits, *, clock: Callable[[], float] = time.monotonic) -> None:
        """Time runs from now on."""
        self.limits = limits
        self._clock = clock
        self._until = clock() + limits.seconds
        self._objects = limits.objects
        self._bytes = limits.total_size
        self._of_part = limits.total_size

    def begin(self, size: int) -> None:
        """An attachment of `size` bytes is opened next: so much may come out of it."""
        self._of_part = max(self.limits.free_size, size * self.limits.ratio)

    @property
    def room(self) -> int:
        """Bytes that the next object may have."""
        return min(self.limits.object_size, self.room_in_all)

    @property
    def room_in_all(self) -> int:
        """Bytes that all further objects together may have."""
        return min(self._bytes, self._of_part)

    def spend(self, size: int) -> None:
        """Count an object of `size` bytes that came out of a container. Raises `Exceeded`."""
        self.check_time()
        self._objects -= 1
        self._bytes -= size
        self._of_part -= size
        if self._objects < 0:
            raise Exceeded(f"more than {self.limits.objects} objects")
        if self._bytes < 0:
            raise Exceeded(f"more than {_megabytes(self.limits.total_size)} in all")
        if self._of_part < 0:
            raise Exceeded(f"grows to more than {self.limits.ratio} times its size")

    def refuse(self, size: int) -> str:
        """Why an object of at least `size` bytes, more than there is room for, cannot be had.

        Raises `Exceeded` when nothing of any size could be had any more.
        """
        if size > self.limits.object_size:
            return f"larger than {_megabytes(self.limits.object_size)}"
        self.spend(size)
        raise AssertionError("an object was refused though there was room for it")

    def check_time(self) -> None:
        """Raises `Exceeded` when the time is up."""
        if self._clock() > self._until:
            raise Exceeded(f"not done after {self.limits.seconds:g} s")


def _megabytes(size: int) -> str:
    return f"{size / MB:g} MB"
