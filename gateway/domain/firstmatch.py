"""Long lists of masks and networks: which of them name an address, without trying each.

Lists from files have ten thousands of lines, and every recipient of every message is held against them.
Numbers stand for the lines, in the order of the list, so that the first of several is the smallest.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from heapq import merge
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

from gateway.domain.address import mask_pattern

Numbers = Sequence[int]
"""Ascending."""

_WILDCARDS = frozenset("*?")
_BOUNDARY = re.compile(r"[@.]")


class MaskIndex:
    """Masks, each with a number of its own."""

    def __init__(self, masks: Iterable[tuple[int, str]]) -> None:
        self._everything: list[int] = []
        self._whole: dict[str, list[int]] = defaultdict(list)
        self._ends: dict[str, list[int]] = defaultdict(
            list
        )  # of `*@a.example` and `*.example`: what follows `*`
        self._others: list[tuple[int, re.Pattern[str]]] = []
        for number, mask in masks:
            self._add(number, mask.lower())

    def naming(self, text: str) -> list[Numbers]:
        """The numbers of the masks that name `text`, in some ascending runs."""
        text = text.lower()
        runs: list[Numbers] = [self._everything, self._whole.get(text, ())]
        if self._ends:
            runs += (self._ends.get(text[found.start() :], ()) for found in _BOUNDARY.finditer(text))
        if self._others:
            runs.append([number for number, pattern in self._others if pattern.fullmatch(text)])
        return [run for run in runs if run]

    def __contains__(self, text: str) -> bool:
        return bool(self.naming(text))

    def _add(self, number: int, mask: str) -> None:
        end = mask.lstrip("*")
        if _WILDCARDS.isdisjoint(mask):
            self._whole[mask].append(number)
        elif not end:
            self._everything.append(number)
        elif mask[0] == "*" and _BOUNDARY.match(end) and _WILDCARDS.isdisjoint(end):
            self._ends[end].append(number)
        else:
            self._others.append((number, mask_pattern(mask)))


class NetworkIndex:
    """Networks, each with a number of its own; None is all of them."""

    def __init__(self, networks: Iterable[tuple[int, IPv4Network | IPv6Network | None]]) -> None:
        self._everything: list[int] = []
        # By version and length of the prefix: there are few of those, however many networks there are.
        self._prefixes: dict[tuple[int, int], dict[int, list[int]]] = {}
        for number, network in networks:
            if network is None:
                self._everything.append(number)
                continue
            shift = network.max_prefixlen - network.prefixlen
            alike = self._prefixes.setdefault((network.version, shift), defaultdict(list))
            alike[int(network.network_address) >> shift].append(number)

    def around(self, address: IPv4Address | IPv6Address) -> list[Numbers]:
        """The numbers of the networks that `address` is in, in some ascending runs."""
        bits = int(address)
        runs = [self._everything]
        runs += (
            alike.get(bits >> shift, [])
            for (version, shift), alike in self._prefixes.items()
            if version == address.version
        )
        return [run for run in runs if run]


def in_order(runs: Iterable[Numbers]) -> Iterator[int]:
    """The numbers of several runs, ascending."""
    return merge(*runs)


def shared(some: Sequence[Numbers], others: Sequence[Numbers]) -> Iterator[int]:
    """The numbers that are in both, ascending. Costs about as much as the shorter of the two is long."""
    if sum(map(len, some)) > sum(map(len, others)):
        some, others = others, some
    return (number for number in in_order(some) if any(_holds(run, number) for run in others))


def _holds(run: Numbers, number: int) -> bool:
    at = bisect_left(run, number)
    return at < len(run) and run[at] == number
