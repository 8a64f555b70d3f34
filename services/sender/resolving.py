"""From a destination to the hosts to try, by DNS. Answers are remembered for as long as they are valid."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import aiodns
from aiodns import error as ares

from gateway.domain.endpoint import is_address
from services.sender.caches import TtlCache
from services.sender.hosts import Host
from services.sender.routing import Destination, Exchange, Unroutable, exchanges_to_try

MOST_CACHED = 10_000
"""Answers remembered of each kind."""
LONGEST_TTL = 86400.0
"""Seconds: no answer is believed for longer, whatever its server says."""
TROUBLE_TTL = 30.0
"""Seconds until a name whose servers failed is asked for again, so that not each mail waits for them."""
MOST_EXCHANGES = 10
"""MX hosts of one domain whose addresses are looked up."""
QUERIES_BETWEEN_RENEWALS = 10_000
"""c-ares keeps every answer for up to an hour, without a bound; a new start empties that."""

_NO_SUCH_RECORD = {ares.ARES_ENODATA}
_NO_SUCH_NAME = {ares.ARES_ENOTFOUND, ares.ARES_EBADNAME, ares.ARES_ENONAME}


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """How DNS is asked (reference, section 12.13)."""

    own_name: str  # what MX records call us
    timeout: float = 30.0
    unresolved_ttl: float = 600.0
    nameservers: tuple[str, ...] = ()  # `ip` or `ip:port`; empty: those of the system


@dataclass(frozen=True, slots=True)
class _Found:
    """The records of a name: none, when the name has no such records."""

    records: tuple[Any, ...] = ()
    ttl: float = 0.0


@dataclass(frozen=True, slots=True)
class _NotFound:
    """There is no such name."""


@dataclass(frozen=True, slots=True)
class _Failed:
    """Nobody knows now."""

    reason: str


_Result = _Found | _NotFound | _Failed


class Resolver:
    """Finds the hosts of destinations. One of them serves a whole process."""

    def __init__(
        self,
        asking: Asking,
        *,
        clock: Callable[[], float] = time.monotonic,
        shuffle: Callable[[list[Exchange]], None] = random.shuffle,
    ) -> None:
        self._asking = asking
        self._shuffle = shuffle
        self._answers: TtlCache[tuple[str, str], _Result] = TtlCache(MOST_CACHED, clock)
        self._under_way: dict[tuple[str, str], asyncio.Task[_Result]] = {}
        self._queries = 0
        self._dns = aiodns.DNSResolver(nameservers=list(asking.nameservers) or None, tries=2)

    async def hosts(self, destination: Destination) -> tuple[Host, ...]:
        """The hosts to try, the best first. Raises `Unroutable` when there are none."""
        if is_address(destination.host):
            return (Host(destination.host, destination.host, destination.port),)
        if destination.by_mx:
            return await self._exchange_hosts(destination.host, destination.port)
        return await self._named_host(destination.host, destination.port)

    async def close(self) -> None:
        """Ask nothing more."""
        for task in self._under_way.values():
            task.cancel()
        await self._dns.close()

    async def _named_host(self, name: str, port: int) -> tuple[Host, ...]:
        # A host of the routing table is the operator's: it may stand in /etc/hosts or in a search domain,
        # and when it is missing that may be a slip, so the mail waits.
        match await self._answer(name, "host", partial(self._system_addresses, name)):
            case _Found(records) if records:
                return tuple(Host(name, ip, port) for ip in records)
            case _Failed(reason):
                raise Unroutable("4.4.3", f"the address of {name} cannot be found now: {reason}")
        raise Unroutable("4.4.4", f"the host {name} has no address")

    async def _exchange_hosts(self, domain: str, port: int) -> tuple[Host, ...]:
        match await self._answer(domain, "MX", partial(self._query, domain, "MX")):
            case _Found(records):
                exchanges = tuple(Exchange(mx.priority, mx.exchange.rstrip(".").lower()) for mx in records)
            case _NotFound():
                raise Unroutable("5.1.2", f"there is no domain {domain}")
            case _Failed(reason):
                raise Unroutable("4.4.3", f"the mail servers of {domain} cannot be found now: {reason}")

        names = exchanges_to_try(exchanges, domain, self._asking.own_name, self._shuffle)[:MOST_EXCHANGES]
        results = await asyncio.gather(*(self._addresses(name) for name in names))
        hosts = tuple(
            Host(name, ip, port)
            for name, result in zip(names, results, strict=True)
            if isinstance(result, _Found)
            for ip in result.records
        )
        if hosts:
            return hosts
        if failed := next((result for result in results if isinstance(result, _Failed)), None):
            raise Unroutable(
                "4.4.3", f"the addresses of {domain}'s servers cannot be found now: {failed.reason}"
            )
        if not exchanges:
            raise Unroutable("5.1.2", f"{domain} takes no mail: it has neither MX nor address records")
        raise Unroutable("5.4.4", f"no mail server of {domain} has an address")

    async def _addresses(self, name: str) -> _Result:
        if is_address(name):
            return _Found((name,))  # against the standard, but seen: an MX record that holds an address
        ipv4, ipv6 = await asyncio.gather(
            self._answer(name, "A", partial(self._query, name, "A")),
            self._answer(name, "AAAA", partial(self._query, name, "AAAA")),
        )
        both = (ipv4, ipv6)
        ips = tuple(one.addr for found in both if isinstance(found, _Found) for one in found.records)
        if ips:
            return _Found(ips)
        return next((result for result in both if isinstance(result, _Failed)), _NotFound())

    async def _answer(self, name: str, kind: str, ask: Callable[[], Awaitable[_Result]]) -> _Result:
        """The remembered answer, or a new one; many who ask for the same at once ask DNS once."""
        key = (name, kind)
        known = self._answers.get(key)
        if known is not None:
            return known
        task = self._under_way.get(key)
        if task is None:
            task = self._under_way[key] = asyncio.ensure_future(self._learn(key, ask))
            task.add_done_callback(lambda _: self._under_way.pop(key))
        return await asyncio.shield(task)

    async def _learn(self, key: tuple[str, str], ask: Callable[[], Awaitable[_Result]]) -> _Result:
        self._renew_when_full()
        try:
            async with asyncio.timeout(self._asking.timeout):
                result = await ask()
        except TimeoutError:
            result = _Failed("no answer in time")
        except ares.DNSError as error:
            result = _judged(error)
        self._answers.put(key, result, self._lifetime(result))
        return result

    async def _query(self, name: str, kind: str) -> _Result:
        answer = (await self._dns.query_dns(name, kind)).answer
        wanted = _RECORD_TYPES[kind]
        # Aliases that led to the records are among them.
        records = [record for record in answer if record.type == wanted]
        ttl = min((record.ttl for record in answer), default=0)
        return _Found(tuple(record.data for record in records), ttl)

    async def _system_addresses(self, name: str) -> _Result:
        nodes = (await self._dns.getaddrinfo(name)).nodes
        ips = dict.fromkeys(node.addr[0].decode("ascii") for node in nodes)
        return _Found(tuple(ips), min((node.ttl for node in nodes), default=0))

    def _lifetime(self, result: _Result) -> float:
        match result:
            case _Found(records, ttl) if records:
                return min(ttl, LONGEST_TTL)
            case _Failed():
                return min(TROUBLE_TTL, self._asking.unresolved_ttl)
        return self._asking.unresolved_ttl

    def _renew_when_full(self) -> None:
        self._queries += 1
        if self._queries % QUERIES_BETWEEN_RENEWALS == 0:
            self._dns._channel.reinit()


_RECORD_TYPES = {"A": 1, "MX": 15, "AAAA": 28}


def _judged(error: ares.DNSError) -> _Result:
    code, reason = (*error.args, "")[:2]
    if code in _NO_SUCH_RECORD:
        return _Found()
    if code in _NO_SUCH_NAME:
        return _NotFound()
    return _Failed(str(reason))
