"""Look-ups: what DNS says of one session. Each thing is asked once, when a rule wants to know it."""

from __future__ import annotations

import asyncio
from collections.abc import Collection

from gateway.authentication.spf.evaluation import Evaluation, Sender
from gateway.dns.names import query_name
from gateway.dns.port import Answer, Dns, Failed, Found, Kind, NoName, addresses
from gateway.domain.access import Address, client_address
from gateway.domain.address import domain_of
from gateway.domain.authentication import Result
from gateway.domain.endpoint import literal_address
from gateway.runtime.blocklists import BlockLists
from services.receiver.access import Fact, Facts

LONGEST_SPF = 20.0
"""Seconds for all look-ups of SPF together (RFC 7208 §4.6.4)."""

Said = bool | None
"""What DNS says: yes, no, or that nobody knows now."""


class Lookups:
    """What is asked about one client."""

    def __init__(self, client: Address, dns: Dns, lists: BlockLists) -> None:
        self._client = client
        self._dns = dns
        self._lists = lists
        self._said: dict[tuple[Fact, str], Said] = {}
        self._listed_by: tuple[str, ...] = ()
        self._vouching: dict[tuple[str, str], str] = {}  # by what was said in HELO and MAIL

    async def facts(self, wanted: Collection[Fact], helo: str, sender: str) -> Facts:
        """All that is `wanted`. What is not known yet is asked for at once."""
        if not wanted:
            return Facts()
        about = {fact: _subject(fact, helo, sender) for fact in wanted if sender or fact not in _OF_SENDER}
        unknown = [(fact, subject) for fact, subject in about.items() if (fact, subject) not in self._said]
        if unknown:
            answers = await asyncio.gather(*(self._ask(fact, subject) for fact, subject in unknown))
            self._said.update(zip(unknown, answers, strict=True))
        return Facts({fact: self._said[fact, subject] for fact, subject in about.items()}, self._listed_by)

    async def vouching_domain(self, helo: str, sender: str) -> str:
        """The domain that lets this client send for it, by SPF; "" if none does."""
        if (helo, sender) not in self._vouching:
            self._vouching[helo, sender] = await self._vouched(Sender(self._client, sender, helo))
        return self._vouching[helo, sender]

    async def _vouched(self, sender: Sender) -> str:
        try:
            async with asyncio.timeout(LONGEST_SPF):
                spf = await Evaluation(self._dns, sender).check()
        except TimeoutError:
            return ""
        return spf.domain.lower() if spf.result is Result.PASS else ""

    async def _ask(self, fact: Fact, subject: str) -> Said:
        match fact:
            case Fact.CLIENT_NAME:
                return _has_records(await self._dns.ask(self._client.reverse_pointer, Kind.PTR))
            case Fact.CLIENT_LISTED:
                self._listed_by = await self._lists.listing(self._client)
                return bool(self._listed_by)
            case Fact.HELO_ADDRESS | Fact.SENDER_ADDRESS:
                return _has_records(await self._addresses_of(subject))
            case Fact.HELO_CLIENT:
                return self._is_client(await self._addresses_of(subject, like=self._client))
            case Fact.SENDER_MX:
                name = query_name(subject)
                return _has_exchange(await self._dns.ask(name, Kind.MX) if name else NoName())

    async def _addresses_of(self, domain: str, like: Address | None = None) -> Answer:
        """The addresses of a name or a literal; only those of the same version as `like`, if one is given."""
        if literal := literal_address(domain):
            return Found((literal,))
        name = query_name(domain)
        if name is None:
            return NoName()
        if like is None:
            return await addresses(self._dns, name)
        return await self._dns.ask(name, Kind.A if like.version == 4 else Kind.AAAA)

    def _is_client(self, answer: Answer) -> Said:
        if isinstance(answer, Failed):
            return None
        return isinstance(answer, Found) and self._client in map(client_address, answer.names)


_OF_SENDER = frozenset({Fact.SENDER_ADDRESS, Fact.SENDER_MX})
_OF_HELO = frozenset({Fact.HELO_ADDRESS, Fact.HELO_CLIENT})


def _subject(fact: Fact, helo: str, sender: str) -> str:
    """Whom a fact is about, as far as that can change within a session."""
    if fact in _OF_SENDER:
        return domain_of(sender)
    return helo.lower() if fact in _OF_HELO else ""


def _has_records(answer: Answer) -> Said:
    if isinstance(answer, Failed):
        return None
    return isinstance(answer, Found) and bool(answer.records)


def _has_exchange(answer: Answer) -> Said:
    if isinstance(answer, Failed):
        return None
    # One without a name says that the domain takes no mail (RFC 7505).
    return isinstance(answer, Found) and any(exchange.host for exchange in answer.exchanges)
