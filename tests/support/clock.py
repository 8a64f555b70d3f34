"""A clock that stands still until a test sets it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Clock:
    """Seconds, as a monotonic clock gives them."""

    seconds: float = 0.0

    def __call__(self) -> float:
        return self.seconds
