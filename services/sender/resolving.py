"""From a destination to the hosts to try, by DNS."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable

from gateway.dns.port import Answer, Dns, Failed, Found, Kind, MailExchange, NoName, addresses
from gateway.domain.endpoint import is_address
from gateway.domain.routes import SOCKET
from gateway.domain.statistics import Counter, nobody_counts
from services.sender.hosts import Host
from services.sender.ourselves import Ourselves
from services.sender.routing import Destination, Unroutable, before_ourselves, exchanges_to_try

MOST_EXCHANGES = 10
"""MX hosts of one domain whose addresses are looked up."""


class Resolver:
    """Finds the hosts of destinations."""

    def __init__(
        self,
        dns: Dns,
        ourselves: Ourselves,
        *,
        shuffle: Callable[[list[MailExchange]], None] = random.shuffle,
        count: Callable[[Counter], None] = nobody_counts,
    ) -> None:
        self._dns = dns
        self._ourselves = ourselves
        self._shuffle = shuffle
        self._count = count

    async def hosts(self, destination: Destination) -> tuple[Host, ...]:
        """The hosts to try, the best first. Raises `Unroutable` when there are none."""
        self._count(Counter.ROUTING_QUERIES)
        if destination.by_mx:
            return await self._exchange_hosts(destination.host, destination.port)
        hosts = await self._named_hosts(destination)
        if any(self._is_ours(host) for host in hosts):
            # The operator may have slipped, so the mail waits.
            raise Unroutable(
                "4.4.6", f"the routing table sends mail for {destination.host} back to this host"
            )
        return hosts

    async def _named_hosts(self, destination: Destination) -> tuple[Host, ...]:
        name, port, lmtp = destination.host, destination.port, destination.lmtp
        if name.startswith(SOCKET):
            return (Host("localhost", name, port, lmtp),)
        if is_address(name):
            return (Host(name, name, port, lmtp),)
        # A host of the routing table is the operator's: it may stand in /etc/hosts or in a search domain,
        # and when it is missing that may be a slip, so the mail waits.
        match await self._dns.host(name):
            case Found() as found if found.records:
                return tuple(Host(name, ip, port, lmtp) for ip in found.names)
            case Failed(reason):
                raise Unroutable("4.4.3", f"the address of {name} cannot be found now: {reason}")
        raise Unroutable("4.4.4", f"the host {name} has no address")

    async def _exchange_hosts(self, domain: str, port: int) -> tuple[Host, ...]:
        match await self._dns.ask(domain, Kind.MX):
            case Found() as found:
                records = found.exchanges
            case NoName():
                raise Unroutable("5.1.2", f"there is no domain {domain}")
            case Failed(reason):
                raise Unroutable("4.4.3", f"the mail servers of {domain} cannot be found now: {reason}")

        exchanges = exchanges_to_try(records, domain, self._ourselves.name, self._shuffle)[:MOST_EXCHANGES]
        answers = await asyncio.gather(*(self._addresses(exchange.host) for exchange in exchanges))
        found_at = dict(zip(exchanges, answers, strict=True))
        hosts = {
            exchange: tuple(Host(exchange.host, ip, port) for ip in answer.names)
            for exchange, answer in found_at.items()
            if isinstance(answer, Found)
        }
        nearer = before_ourselves(
            exchanges, domain, lambda exchange: any(map(self._is_ours, hosts.get(exchange, ())))
        )
        if found_hosts := tuple(host for exchange in nearer for host in hosts.get(exchange, ())):
            return found_hosts
        for exchange in nearer:
            if isinstance(failed := found_at[exchange], Failed):
                raise Unroutable(
                    "4.4.3", f"the addresses of {domain}'s servers cannot be found now: {failed.reason}"
                )
        if not records:
            raise Unroutable("5.1.2", f"{domain} takes no mail: it has neither MX nor address records")
        raise Unroutable("5.4.4", f"no mail server of {domain} has an address")

    def _is_ours(self, host: Host) -> bool:
        return not (host.lmtp or host.socket_path) and self._ourselves.listen_at(host.ip, host.port)

    async def _addresses(self, name: str) -> Answer:
        if is_address(name):
            return Found((name,))  # against the standard, but seen: an MX record that holds an address
        return await addresses(self._dns, name)
