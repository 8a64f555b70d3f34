"""Which masks, rules and routes can never match, because an earlier one takes all that they name.

Lists may have ten thousands of lines (`file:`), so a line is compared only with those whose
masks end as its own does.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass

from gateway.domain.access import (
    EVERYBODY,
    ConnectRule,
    HeloCondition,
    HeloRule,
    MailfromRule,
    Network,
    RelayRule,
    SenderRule,
)
from gateway.domain.address import covers
from gateway.domain.routes import Route

ConditionRule = ConnectRule | HeloRule | MailfromRule

_ANY = "any"


@dataclass(frozen=True, slots=True)
class Claim:
    """What a line takes: what matches `mask`, from `source`."""

    mask: str
    source: Hashable = _ANY
    within: tuple[Hashable, ...] = (_ANY,)  # the sources that take all that `source` does, itself included


class Index:
    """Claims that came before, by how their masks end: only masks with the same end can cover each other."""

    def __init__(self) -> None:
        self._claims: dict[str, dict[Hashable, list[tuple[str, int]]]] = {}

    def add(self, claim: Claim, number: int) -> None:
        """Remember `claim`, the one of that number."""
        end = _literal_end(claim.mask)
        self._claims.setdefault(end, {}).setdefault(claim.source, []).append((claim.mask, number))

    def cover_of(self, claim: Claim) -> int | None:
        """The number of a remembered claim that takes all that `claim` does."""
        mask = claim.mask.lower()
        for start in range(len(mask) + 1):
            by_source = self._claims.get(mask[start:], {})
            for source in claim.within if by_source else ():
                for earlier, number in by_source.get(source, ()):
                    if covers(earlier, claim.mask):
                        return number
        return None


def covered(claims: Sequence[Claim]) -> Iterator[tuple[int, int]]:
    """The claims that can never match: the number of each, and of an earlier one that covers it."""
    index = Index()
    for number, claim in enumerate(claims):
        earlier = index.cover_of(claim)
        if earlier is None:
            index.add(claim, number)
        else:
            yield number, earlier


def covers_all(masks: Sequence[str], others: Sequence[str]) -> bool:
    """Whether all that `others` name is named by one of `masks` each."""
    index = Index()
    for number, mask in enumerate(masks):
        index.add(Claim(mask), number)
    return all(index.cover_of(Claim(other)) is not None for other in others)


def claim_of_rule(rule: ConditionRule) -> Claim:
    """What a connect, HELO or MAIL FROM rule takes."""
    within: tuple[Hashable, ...] = (str(rule.condition), _ANY)
    if rule.condition is HeloCondition.SAME_IP:  # a name that leads to the client leads somewhere
        within = (*within, str(HeloCondition.HAS_IP))
    return Claim(rule.recipients, str(rule.condition), within)


def claim_of_relay_rule(rule: RelayRule) -> Claim:
    """What a relay rule takes."""
    if rule.network is None:
        return Claim(rule.recipients)
    *wider, own = _supernets(rule.network)
    return Claim(rule.recipients, own, (_ANY, *wider, own))


def claim_of_sender_rule(rule: SenderRule) -> Claim:
    """What a sender rule takes."""
    match rule.source:
        case str(mask) if mask == EVERYBODY:
            return Claim(rule.recipients)
        case str(mask):
            return Claim(rule.recipients, mask.lower(), (_ANY, mask.lower()))
        case network:
            *wider, own = _supernets(network)
            return Claim(rule.recipients, own, (_ANY, *wider, own))


def claim_of_route(route: Route) -> Claim:
    """What a route takes."""
    return Claim(route.mask)


def _supernets(network: Network) -> Iterator[tuple[int, int, int]]:
    """The networks around this one, from all addresses to itself: version, prefix length, prefix."""
    address = int(network.network_address)
    for length in range(network.prefixlen + 1):
        yield network.version, length, address >> (network.max_prefixlen - length)


def _literal_end(mask: str) -> str:
    return re.split(r"[*?]", mask)[-1].lower()
