"""How often somebody may ask: so many times a minute, as many at once, and no memory without end."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from ipaddress import IPv6Address, IPv6Network, ip_address

MOST_KNOWN = 10_000
"""Askers that are remembered. Who gives way is the one that asked longest ago."""

_PREFIX = 64  # of IPv6: who has one address has all of its network


class Allowance:
    """For each asker a bucket that holds a minute's requests, and fills evenly."""

    def __init__(
        self, per_minute: int, clock: Callable[[], float] = time.monotonic, *, most: int = MOST_KNOWN
    ) -> None:
        self._size = float(per_minute)
        self._rate = per_minute / 60
        self._clock = clock
        self._most = most
        self._levels: OrderedDict[str, tuple[float, float]] = (
            OrderedDict()
        )  # what is left, and when it was so

    def take(self, asker: str) -> float:
        """Allow one request; 0, or the seconds after which one will be."""
        now = self._clock()
        level, at = self._levels.pop(asker, (self._size, now))
        level = min(self._size, level + (now - at) * self._rate)
        wait = 0.0 if level >= 1 else (1 - level) / self._rate
        self._levels[asker] = (level if wait else level - 1, now)
        if len(self._levels) > self._most:
            self._levels.popitem(last=False)
        return wait


def asker_at(address: str) -> str:
    """Who asks from an address: for IPv6 its network."""
    try:
        known = ip_address(address)
    except ValueError:
        return address
    if isinstance(known, IPv6Address):
        mapped = known.ipv4_mapped
        return str(mapped or IPv6Network((known, _PREFIX), strict=False))
    return address
