"""DNS black lists: which of them have a client or a domain, and which of them can be believed (RFC 5782).

A list of addresses must have 127.0.0.2 and must not have 127.0.0.1; a list of domains must not have
`invalid`. These are asked for together with each client
or domain, which costs nothing while DNS remembers the answers. A list that fails that, that refuses to answer
us, or that does not answer at all, is out of order: it is passed over, and asked again after a while.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from ipaddress import IPv4Network, ip_address

from gateway.dns.port import Answer, Dns, Failed, Found, Kind, NoName
from gateway.domain.access import Address
from gateway.runtime.outages import Outages

ASK_AGAIN_AFTER = 300.0
"""Seconds after which a list that was out of order is asked again."""

MOST_FAILURES = 3
"""Look-ups in a row without an answer that put a list out of order. One alone may be a lost packet."""

LONGEST_ANSWER = 10.0
"""Seconds for a list: who is slower holds up all mail, whatever `IONetworkTimeout` allows."""

_PRESENT = ip_address("127.0.0.2")
_ABSENT = {4: ip_address("127.0.0.1"), 6: ip_address("::ffff:7f00:1")}
_NO_DOMAIN = "invalid"
_LISTINGS = IPv4Network("127.0.0.0/8")
_REFUSALS = IPv4Network("127.255.255.0/24")
_NEVER_A_LISTING = ip_address("127.0.0.1")
_SILENT = "it does not answer"


@dataclass(frozen=True, slots=True)
class OutOfOrder:
    """A list cannot be believed."""

    reason: str
    unanswered: bool = False  # it may have been by chance


@dataclass(frozen=True, slots=True)
class Standing:
    """How a list has done so far."""

    trouble: str = ""  # why it is out of order, "" while it is in order
    failures: int = 0  # in a row
    ask_again_at: float = 0.0  # when it is out of order


_IN_ORDER = Standing()


def judge(subject: Answer, present: Answer | None, absent: Answer) -> bool | OutOfOrder:
    """Whether a list has a client or a domain, by what it says of it and of what it must and must not have.

    `present` is None for lists that have nothing for certain.
    """
    for answer in (subject, absent, present or NoName()):
        if isinstance(answer, Failed):
            return OutOfOrder(_SILENT, unanswered=True)
        for record in _addresses(answer):
            if record in _REFUSALS:
                return OutOfOrder(f"it refuses to answer us: {record}")
            if record not in _LISTINGS or record == _NEVER_A_LISTING:
                return OutOfOrder(f"it answers what means no listing: {record}")
    if _addresses(absent):
        return OutOfOrder("it lists everybody")
    if present and not _addresses(present):
        return OutOfOrder("it lists nobody")
    return bool(_addresses(subject))


def after(standing: Standing, judged: bool | OutOfOrder, now: float) -> Standing:
    """How a list does once it `judged` a client."""
    if not isinstance(judged, OutOfOrder):
        return Standing()
    failures = standing.failures + 1
    if judged.unanswered and not standing.trouble and failures < MOST_FAILURES:
        return Standing(failures=failures)
    return Standing(judged.reason, failures, now + ASK_AGAIN_AFTER)


@dataclass(frozen=True, slots=True)
class _Question:
    """What a list is asked: the names under which it would have something, without its zone."""

    sort: str  # of lists: one may do for one sort, and not for another
    subject: str
    present: str | None
    absent: str


class BlockLists:
    """Some lists, for all that a process does at once."""

    def __init__(
        self,
        zones: Sequence[str],
        dns: Dns,
        outages: Outages,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._zones = zones
        self._dns = dns
        self._outages = outages
        self._clock = clock
        self._standings: dict[tuple[str, str], Standing] = {}
        self._trials: set[asyncio.Task[None]] = set()

    async def listing(self, client: Address) -> tuple[str, ...]:
        """The zones of the lists that have `client`, those left out that are out of order."""
        return await self._having(_about_client(client))

    async def listing_domain(self, domain: str) -> tuple[str, ...]:
        """The zones of the lists that have `domain`, an A-label without a final dot, likewise."""
        return await self._having(_Question(" of domains", domain, None, _NO_DOMAIN))

    async def close(self) -> None:
        """Ask nothing more."""
        for trial in self._trials:
            trial.cancel()
        await asyncio.gather(*self._trials, return_exceptions=True)

    async def _having(self, question: _Question) -> tuple[str, ...]:
        asked = [zone for zone in self._zones if self._is_in_order(zone, question)]
        judged = await asyncio.gather(*(self._judge(zone, question) for zone in asked))
        return tuple(zone for zone, listed in zip(asked, judged, strict=True) if listed is True)

    def _is_in_order(self, zone: str, question: _Question) -> bool:
        standing = self._standings.get((zone, question.sort), _IN_ORDER)
        if not standing.trouble:
            return True
        if self._clock() >= standing.ask_again_at:
            # A trial of its own: no client shall wait for a list that may still be silent.
            again = replace(standing, ask_again_at=self._clock() + ASK_AGAIN_AFTER)
            self._standings[zone, question.sort] = again
            trial = asyncio.create_task(self._try(zone, replace(question, subject=question.absent)))
            self._trials.add(trial)
            trial.add_done_callback(self._trials.discard)
        return False

    async def _try(self, zone: str, question: _Question) -> None:
        await self._judge(zone, question)

    async def _judge(self, zone: str, question: _Question) -> bool | OutOfOrder:
        """What a list says, and how the list does after that."""
        names = (question.subject, question.absent, *filter(None, [question.present]))
        try:
            async with asyncio.timeout(LONGEST_ANSWER):
                subject, absent, *present = await asyncio.gather(
                    *(self._dns.ask(f"{name}.{zone}", Kind.A) for name in names)
                )
        except TimeoutError:
            judged: bool | OutOfOrder = OutOfOrder(_SILENT, unanswered=True)
        else:
            judged = judge(subject, present[0] if present else None, absent)
        self._note(zone, question.sort, judged)
        return judged

    def _note(self, zone: str, sort: str, judged: bool | OutOfOrder) -> None:
        before = self._standings.get((zone, sort), _IN_ORDER)
        standing = self._standings[zone, sort] = after(before, judged, self._clock())
        subject = f"block list {zone}{sort}"
        if standing.trouble:
            self._outages.begin(subject, standing.trouble)
        elif before.trouble:
            self._outages.end(subject)


def listing_name(address: Address, zone: str) -> str:
    """The name under which a list has `address` (RFC 5782 §2.1, §2.4)."""
    return f"{_reversed(address)}.{zone}"


def _reversed(address: Address) -> str:
    return address.reverse_pointer.rpartition(".in-addr" if address.version == 4 else ".ip6")[0]


def _about_client(client: Address) -> _Question:
    return _Question(
        " for IPv6" if client.version == 6 else "",
        _reversed(client),
        _reversed(_PRESENT),
        _reversed(_ABSENT[client.version]),
    )


def _addresses(answer: Answer) -> list[Address]:
    return [ip_address(record) for record in answer.names] if isinstance(answer, Found) else []
