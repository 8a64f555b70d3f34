"""The numbers of one process that nobody stores: how long things take, and how much there is now."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Iterator

from gateway.domain.statistics import Timing
from gateway.metrics.catalogue import TIMES
from gateway.metrics.family import Collected, Distribution, Family, Sample

BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)
"""Seconds: from a step on the spot to a next hop that uses up all of its time-outs."""

Asking = Callable[[], Awaitable[Iterable[Collected]]]
"""A source that has to be waited for. What it cannot tell now it leaves out."""


class Metrics:
    """Takes times on the way of mail, and knows who can be asked about the rest when somebody looks."""

    def __init__(self) -> None:
        self._counts = {timing: [0] * (len(BOUNDS) + 1) for timing in Timing}
        self._sums = dict.fromkeys(Timing, 0.0)
        self._levels: dict[Family, list[tuple[tuple[str, ...], Callable[[], float]]]] = defaultdict(list)
        self._sources: list[Asking] = []

    def took(self, timing: Timing, seconds: float) -> None:
        """It took so long, once."""
        self._counts[timing][bisect_left(BOUNDS, seconds)] += 1
        self._sums[timing] += seconds

    def watch(self, family: Family, read: Callable[[], float], *labels: str) -> None:
        """A gauge that `read` gives, at once and for nothing, whenever it is looked at."""
        self._levels[family].append((labels, read))

    def ask(self, source: Asking) -> None:
        """Further numbers, which `source` has to find out."""
        self._sources.append(source)

    @property
    def sources(self) -> tuple[Asking, ...]:
        """Those who have to be waited for."""
        return tuple(self._sources)

    def at_hand(self) -> Iterator[Collected]:
        """What is known at once. A time that was never taken is left out."""
        for family, timings in TIMES.items():
            yield Collected(
                family,
                [
                    self._distribution(timing, labels)
                    for labels, timing in timings
                    if any(self._counts[timing])
                ],
            )
        for family, levels in self._levels.items():
            yield Collected(family, [Sample(read(), labels) for labels, read in levels])

    def _distribution(self, timing: Timing, labels: tuple[str, ...]) -> Distribution:
        return Distribution(BOUNDS, tuple(self._counts[timing]), self._sums[timing], labels)
