"""The DNS client: asks by c-ares, and remembers answers for as long as they are valid."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial

import aiodns
import pycares
from aiodns import error as ares

from gateway.dns.port import Answer, Failed, Found, Kind, MailExchange, NoName, Record
from gateway.domain.statistics import Counter, Timing, Took, nobody_counts, nobody_times
from gateway.domain.ttlcache import PURGE_SECONDS, TtlCache

MOST_CACHED = 20_000
"""Answers remembered, of addresses, of exchanges and of what was not found."""
LONGEST_TTL = 86400.0
"""Seconds: no answer is believed for longer, whatever its server says."""
TROUBLE_TTL = 30.0
"""Seconds until a name whose servers failed is asked for again, so that not each mail waits for them."""
QUERIES_BETWEEN_RENEWALS = 10_000
"""c-ares keeps every answer for up to an hour, without a bound; a new start empties that."""

_NO_SUCH_RECORD = {ares.ARES_ENODATA}
_NO_SUCH_NAME = {ares.ARES_ENOTFOUND, ares.ARES_EBADNAME, ares.ARES_ENONAME}

_TYPES = {
    Kind.A: pycares.QUERY_TYPE_A,
    Kind.AAAA: pycares.QUERY_TYPE_AAAA,
    Kind.CNAME: pycares.QUERY_TYPE_CNAME,
    Kind.MX: pycares.QUERY_TYPE_MX,
    Kind.PTR: pycares.QUERY_TYPE_PTR,
    Kind.TXT: pycares.QUERY_TYPE_TXT,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """How DNS is asked (reference, section 12.13)."""

    servers: tuple[str, ...] = ()  # `ip` or `ip:port`; empty: those of the system
    timeout: float = 30.0  # seconds for an answer
    unresolved_ttl: float = 600.0  # seconds that a name stays unknown
    # Seconds between purges of what is no longer valid and was not asked for again.
    address_purge: float = PURGE_SECONDS
    exchange_purge: float = PURGE_SECONDS
    unresolved_purge: float = PURGE_SECONDS


_Answers = TtlCache[tuple[str, str], Answer]  # by name, in lower case, and kind


class AresDns:
    """Asks DNS for a whole process: many who ask for the same at once ask once."""

    def __init__(
        self,
        asking: Asking,
        *,
        clock: Callable[[], float] = time.monotonic,
        count: Callable[[Counter], None] = nobody_counts,
        took: Took = nobody_times,
    ) -> None:
        self._asking = asking
        self._count = count
        self._took = took
        self._clock = clock
        self._addresses: _Answers = TtlCache(MOST_CACHED, clock, purge_seconds=asking.address_purge)
        self._exchanges: _Answers = TtlCache(MOST_CACHED, clock, purge_seconds=asking.exchange_purge)
        self._unresolved: _Answers = TtlCache(MOST_CACHED, clock, purge_seconds=asking.unresolved_purge)
        self._under_way: dict[tuple[str, str], asyncio.Task[Answer]] = {}
        self._queries = 0
        self._ares = aiodns.DNSResolver(nameservers=list(asking.servers) or None, tries=2)

    async def ask(self, name: str, kind: Kind) -> Answer:
        """The records of that kind that the name has, aliases followed."""
        return await self._answer(name, kind, partial(self._query, name, kind))

    async def host(self, name: str) -> Answer:
        """The addresses of a host of our own site, as its machines find them: by /etc/hosts, too."""
        return await self._answer(name, "host", partial(self._system_addresses, name))

    async def close(self) -> None:
        """Ask nothing more."""
        for task in self._under_way.values():
            task.cancel()
        await self._ares.close()

    async def _answer(self, name: str, kind: str, ask: Callable[[], Awaitable[Answer]]) -> Answer:
        key = (name.lower().rstrip("."), kind)
        self._count(Counter.DNS_QUERIES)
        known = self._resolved(kind).get(key) or self._unresolved.get(key)
        if known is not None:
            self._count(Counter.DNS_QUERIES_THROUGH_CACHE)
            return known
        task = self._under_way.get(key)
        if task is None:
            task = self._under_way[key] = asyncio.ensure_future(self._learn(key, ask))
            task.add_done_callback(lambda _: self._under_way.pop(key))
        return await asyncio.shield(task)

    async def _learn(self, key: tuple[str, str], ask: Callable[[], Awaitable[Answer]]) -> Answer:
        self._renew_when_full()
        began = time.perf_counter()
        try:
            async with asyncio.timeout(self._asking.timeout):
                answer = await ask()
        except TimeoutError:
            answer = Failed("no answer in time")
        except ares.DNSError as error:
            answer = _judged(error)
        self._took(Timing.DNS, time.perf_counter() - began)
        self._remember(key, answer)
        return answer

    def _resolved(self, kind: str) -> _Answers:
        """Where records of that kind are remembered."""
        return self._exchanges if kind == Kind.MX else self._addresses

    def _remember(self, key: tuple[str, str], answer: Answer) -> None:
        match answer:
            case Found(records, ttl) if records:
                self._resolved(key[1]).put(key, answer, min(ttl, LONGEST_TTL))
            case Failed():
                self._count(Counter.DNS_QUERIES_FAILED)
                self._unresolved.put(key, answer, min(TROUBLE_TTL, self._asking.unresolved_ttl))
            case _:
                self._unresolved.put(key, answer, self._asking.unresolved_ttl)

    async def _query(self, name: str, kind: Kind) -> Answer:
        if kind is Kind.TLSA:
            return Found()  # what is not validated does not count, and c-ares does not say what is
        answer = (await self._ares.query_dns(name, kind.value)).answer
        # Aliases that led to the records are among them.
        records = tuple(_record(record.data) for record in answer if record.type == _TYPES[kind])
        return Found(records, min((record.ttl for record in answer), default=0))

    async def _system_addresses(self, name: str) -> Answer:
        nodes = (await self._ares.getaddrinfo(name)).nodes
        ips = dict.fromkeys(node.addr[0].decode("ascii") for node in nodes)
        return Found(tuple(ips), min((node.ttl for node in nodes), default=0))

    def _renew_when_full(self) -> None:
        self._queries += 1
        if self._queries % QUERIES_BETWEEN_RENEWALS == 0:
            self._ares._channel.reinit()


def _record(data: object) -> Record:
    match data:
        case pycares.ARecordData() | pycares.AAAARecordData():
            return data.addr
        case pycares.MXRecordData():
            return MailExchange(data.priority, _name(data.exchange))
        case pycares.TXTRecordData():
            return data.data
        case pycares.PTRRecordData():
            return _name(data.dname)
        case pycares.CNAMERecordData():
            return _name(data.cname)
    raise TypeError(f"no record that was asked for: {data!r}")


def _name(name: str) -> str:
    return name.rstrip(".").lower()


def _judged(error: ares.DNSError) -> Answer:
    code, reason = (*error.args, "")[:2]
    if code in _NO_SUCH_RECORD:
        return Found()
    if code in _NO_SUCH_NAME:
        return NoName()
    return Failed(str(reason))
