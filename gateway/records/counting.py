"""Counting behind: each process has its own sums of the hour, and stores them whole whenever they changed.

So what is stored twice, or in another order, counts once. Sums of processes are added when they are read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from gateway.domain.statistics import Counter, Peak

HOUR = 3600
"""Seconds that one sum is about."""

Sum = dict[str, Any]  # a row of the table `counts`


class Counting:
    """The sums of one process. `source` tells it from all others, also from itself before a restart."""

    def __init__(self, source: str, clock: Callable[[], float]) -> None:
        self._source = source
        self._clock = clock  # seconds since 1970
        self._sums: dict[tuple[int, str], int] = {}
        self._changed: set[tuple[int, str]] = set()

    @property
    def changed(self) -> bool:
        """Whether anything is not stored."""
        return bool(self._changed)

    def count(self, counter: Counter, by: int) -> None:
        """`by` more."""
        key = self._key(counter)
        self._sums[key] = self._sums.get(key, 0) + by
        self._changed.add(key)

    def reach(self, peak: Peak, value: int) -> None:
        """There are so many now."""
        key = self._key(peak)
        if value > self._sums.get(key, 0):
            self._sums[key] = value
            self._changed.add(key)

    def rows(self) -> list[Sum]:
        """What is not stored."""
        return [
            {"hour": hour, "counter": name, "source": self._source, "value": self._sums[hour, name]}
            for hour, name in sorted(self._changed)
        ]

    def stored(self, rows: Iterable[Sum]) -> None:
        """These rows are stored; what was counted meanwhile is not."""
        this_hour = self._hour()
        for row in rows:
            key = row["hour"], row["counter"]
            if self._sums[key] != row["value"]:
                continue
            self._changed.discard(key)
            if row["hour"] < this_hour:
                del self._sums[key]

    def _key(self, name: Counter | Peak) -> tuple[int, str]:
        return self._hour(), name

    def _hour(self) -> int:
        return int(self._clock() // HOUR) * HOUR
