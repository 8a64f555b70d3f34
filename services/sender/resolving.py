"""From a destination to the hosts to try, by DNS."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable

from gateway.dns.port import Answer, Dns, Failed, Found, Kind, MailExchange, NoName, addresses
from gateway.domain.endpoint import is_address
from services.sender.hosts import Host
from services.sender.routing import Destination, Unroutable, exchanges_to_try

MOST_EXCHANGES = 10
"""MX hosts of one domain whose addresses are looked up."""


class Resolver:
    """Finds the hosts of destinations."""

    def __init__(
        self,
        dns: Dns,
        own_name: str,  # what MX records call us
        *,
        shuffle: Callable[[list[MailExchange]], None] = random.shuffle,
    ) -> None:
        self._dns = dns
        self._own_name = own_name
        self._shuffle = shuffle

    async def hosts(self, destination: Destination) -> tuple[Host, ...]:
        """The hosts to try, the best first. Raises `Unroutable` when there are none."""
        if is_address(destination.host):
            return (Host(destination.host, destination.host, destination.port),)
        if destination.by_mx:
            return await self._exchange_hosts(destination.host, destination.port)
        return await self._named_host(destination.host, destination.port)

    async def _named_host(self, name: str, port: int) -> tuple[Host, ...]:
        # A host of the routing table is the operator's: it may stand in /etc/hosts or in a search domain,
        # and when it is missing that may be a slip, so the mail waits.
        match await self._dns.host(name):
            case Found() as found if found.records:
                return tuple(Host(name, ip, port) for ip in found.names)
            case Failed(reason):
                raise Unroutable("4.4.3", f"the address of {name} cannot be found now: {reason}")
        raise Unroutable("4.4.4", f"the host {name} has no address")

    async def _exchange_hosts(self, domain: str, port: int) -> tuple[Host, ...]:
        match await self._dns.ask(domain, Kind.MX):
            case Found() as found:
                exchanges = found.exchanges
            case NoName():
                raise Unroutable("5.1.2", f"there is no domain {domain}")
            case Failed(reason):
                raise Unroutable("4.4.3", f"the mail servers of {domain} cannot be found now: {reason}")

        names = exchanges_to_try(exchanges, domain, self._own_name, self._shuffle)[:MOST_EXCHANGES]
        answers = await asyncio.gather(*(self._addresses(name) for name in names))
        hosts = tuple(
            Host(name, ip, port)
            for name, answer in zip(names, answers, strict=True)
            if isinstance(answer, Found)
            for ip in answer.names
        )
        if hosts:
            return hosts
        if failed := next((answer for answer in answers if isinstance(answer, Failed)), None):
            raise Unroutable(
                "4.4.3", f"the addresses of {domain}'s servers cannot be found now: {failed.reason}"
            )
        if not exchanges:
            raise Unroutable("5.1.2", f"{domain} takes no mail: it has neither MX nor address records")
        raise Unroutable("5.4.4", f"no mail server of {domain} has an address")

    async def _addresses(self, name: str) -> Answer:
        if is_address(name):
            return Found((name,))  # against the standard, but seen: an MX record that holds an address
        return await addresses(self._dns, name)
