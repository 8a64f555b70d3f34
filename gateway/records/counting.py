"""Counting behind: each process has its own sums of the hour, and stores them whole whenever they changed.

So what is stored twice, or in another order, counts once. Sums of processes are added when they are read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from gateway.domain.statistics import Counter, Peak

HOUR = 3600
"""Seconds that one sum is about."""

Sum = dict[str, Any]  # a row of the table `counts`


@dataclass(slots=True)
class _Hour:
    """The sums of one hour."""

    begins: int  # seconds since 1970
    sums: dict[str, int] = field(default_factory=dict)
    changed: set[str] = field(default_factory=set)  # those that are not stored


class Counting:
    """The sums of one process. `source` tells it from all others, also from itself before a restart."""

    def __init__(self, source: str, clock: Callable[[], float]) -> None:
        self._source = source
        self._clock = clock  # seconds since 1970
        self._hours: dict[int, _Hour] = {}
        self._now = _Hour(-HOUR)
        self._totals: dict[str, int] = dict.fromkeys(Counter, 0)
        self.totals: Mapping[str, int] = MappingProxyType(self._totals)
        """All that was counted since the process began."""

    @property
    def changed(self) -> bool:
        """Whether anything is not stored."""
        return any(hour.changed for hour in self._hours.values())

    def count(self, counter: Counter, by: int) -> None:
        """`by` more."""
        hour = self._hour()
        hour.sums[counter] = hour.sums.get(counter, 0) + by
        hour.changed.add(counter)
        self._totals[counter] += by

    def reach(self, peak: Peak, value: int) -> None:
        """There are so many now."""
        hour = self._hour()
        if value > hour.sums.get(peak, 0):
            hour.sums[peak] = value
            hour.changed.add(peak)

    def rows(self) -> list[Sum]:
        """What is not stored."""
        return [
            {"hour": begins, "counter": name, "source": self._source, "value": hour.sums[name]}
            for begins, hour in sorted(self._hours.items())
            for name in sorted(hour.changed)
        ]

    def stored(self, rows: Iterable[Sum]) -> None:
        """These rows are stored; what was counted meanwhile is not."""
        this_hour = self._hour().begins
        for row in rows:
            hour, name = self._hours[row["hour"]], row["counter"]
            if hour.sums[name] != row["value"]:
                continue
            hour.changed.discard(name)
            if hour.begins < this_hour and not hour.changed:
                del self._hours[hour.begins]

    def _hour(self) -> _Hour:
        now = self._clock()
        if not 0 <= now - self._now.begins < HOUR:
            begins = int(now // HOUR) * HOUR
            self._now = self._hours.setdefault(begins, _Hour(begins))
        return self._now
