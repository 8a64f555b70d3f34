"""What DNS black lists say of the client and of the links of a message: asked together, and not for long."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from gateway.domain.access import client_address
from gateway.domain.address import matches_any
from gateway.domain.endpoint import is_address
from gateway.runtime.blocklists import BlockLists
from services.antispam.message import Link

MOST_DOMAINS = 20
"""Domains of one message that are asked about, the first ones."""

LONGEST_WAIT = 5.0
"""Seconds for all lists: who has not answered by then has listed nothing."""


@dataclass(frozen=True, slots=True)
class Listed:
    """The zones of lists that have the client, and the domains of links that lists have."""

    client: tuple[str, ...] = ()
    links: tuple[tuple[str, str], ...] = ()  # domain and zone


class Listings:
    """Asks lists of addresses, and lists of domains; none where there are none."""

    def __init__(self, clients: BlockLists | None = None, domains: BlockLists | None = None) -> None:
        self._clients = clients
        self._domains = domains

    async def about(self, client_ip: str, links: Iterable[Link], our_domains: Sequence[str]) -> Listed:
        """What they have of a mail. Our own domains are not asked about."""
        asked = domains_to_ask(links, our_domains) if self._domains else ()
        client = asyncio.create_task(self._listing(client_ip))
        domains = [asyncio.create_task(self._listing_domain(domain)) for domain in asked]
        _, late = await asyncio.wait((client, *domains), timeout=LONGEST_WAIT)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)
        return Listed(
            _found(client),
            tuple(
                (domain, zone) for domain, task in zip(asked, domains, strict=True) for zone in _found(task)
            ),
        )

    async def _listing(self, client_ip: str) -> tuple[str, ...]:
        if self._clients is None or not is_address(client_ip):
            return ()
        return await self._clients.listing(client_address(client_ip))

    async def _listing_domain(self, domain: str) -> tuple[str, ...]:
        return await self._domains.listing_domain(domain) if self._domains else ()


NO_LISTS = Listings()


def domains_to_ask(links: Iterable[Link], our_domains: Sequence[str]) -> tuple[str, ...]:
    """The domains of links, each once, in order."""
    domains = dict.fromkeys(link.domain for link in links if "." in link.domain)
    wanted = (one for one in domains if not (is_address(one) or matches_any(our_domains, one)))
    return tuple(wanted)[:MOST_DOMAINS]


def _found(task: asyncio.Task[tuple[str, ...]]) -> tuple[str, ...]:
    """What a task found; nothing if it did not come to its end."""
    return () if task.cancelled() or task.exception() else task.result()
