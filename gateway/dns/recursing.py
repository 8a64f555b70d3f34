"""A DNS client that does the recursion itself (`InternalRecursionEnabled`; RFC 1034 §5.3.3).

The configured servers are only asked for what they know themselves. Where they refer to others, those are
asked, down to the ones that have the answer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import dns.asyncquery
import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rrset

from gateway.dns.client import LONGEST_TTL, AresDns, Asking
from gateway.dns.port import Answer, Failed, Found, Kind, NoName
from gateway.dns.rdata import DNS_PORT, LARGEST_ANSWER, name_of, record_of, servers_of
from gateway.domain.endpoint import HostPort
from gateway.domain.ttlcache import TtlCache

QUERY_SECONDS = 3.0
"""How long one server is waited for before the next one is asked."""
MOST_SERVERS = 4
"""Servers of one zone that are asked."""
MOST_ZONES = 10_000
"""Zones whose servers are remembered."""

_Servers = tuple[HostPort, ...]


class _Unresolved(Exception):
    """Nobody knows now, for the reason that is told."""


class _Steps:
    """Counts the servers' answers that one question may take."""

    def __init__(self, most: int) -> None:
        self._left = most

    def take(self) -> None:
        """One more. Raises `_Unresolved`."""
        if not self._left:
            raise _Unresolved("the recursion goes too deep")
        self._left -= 1


class RecursingDns(AresDns):
    """As `AresDns`, but follows referrals itself, `most_steps` for one question."""

    def __init__(self, asking: Asking, *, most_steps: int, port: int = DNS_PORT, **more: Any) -> None:
        super().__init__(asking, **more)
        self._most_steps = most_steps
        self._port = port  # of servers that others refer to
        self._first: _Servers = servers_of(asking.servers)
        self._zones: TtlCache[dns.name.Name, _Servers] = TtlCache(MOST_ZONES, self._clock)

    async def _query(self, name: str, kind: Kind) -> Answer:
        try:
            wanted = dns.name.from_text(name) if name.isascii() and name else None
        except dns.exception.DNSException:
            wanted = None
        if wanted is None:
            return NoName()
        try:
            return await self._resolve(wanted, dns.rdatatype.from_text(kind), _Steps(self._most_steps))
        except _Unresolved as reason:
            return Failed(str(reason))

    async def _resolve(self, name: dns.name.Name, kind: dns.rdatatype.RdataType, steps: _Steps) -> Answer:
        """Ask down from the nearest zone whose servers are known."""
        ttl = LONGEST_TTL
        zone, servers = self._nearest(name)
        while True:
            response = await self._ask(servers, name, kind, steps)
            if records := _rrset(response.answer, name, kind):
                return Found(tuple(map(record_of, records)), min(ttl, records.ttl))
            if alias := _rrset(response.answer, name, dns.rdatatype.CNAME):
                name, ttl = alias[0].target, min(ttl, alias.ttl)
                # What its servers say of it counts, not what these may say of others' names.
                zone, servers = self._nearest(name)
                continue
            if response.rcode() == dns.rcode.NXDOMAIN:
                return NoName()
            referral = _referral(response, zone, name)
            if referral is None:
                if _refers_elsewhere(response):
                    raise _Unresolved(f"{servers[0].host} refers to where the question came from")
                return Found()
            servers = await self._servers_of(referral, response, zone, steps)
            zone = referral.name
            self._zones.put(zone, servers, min(referral.ttl, LONGEST_TTL))

    def _nearest(self, name: dns.name.Name) -> tuple[dns.name.Name, _Servers]:
        zone = name
        while zone != dns.name.root:
            if servers := self._zones.get(zone):
                return zone, servers
            zone = zone.parent()
        return dns.name.root, self._first

    async def _servers_of(
        self, referral: dns.rrset.RRset, response: dns.message.Message, zone: dns.name.Name, steps: _Steps
    ) -> _Servers:
        """Where the servers are that were referred to."""
        names = [record.target for record in referral][:MOST_SERVERS]
        places = [
            HostPort(address.address, self._port)
            for name in names
            # An address that comes along counts for names below the zone of who says it, and no others.
            if name.is_subdomain(zone)
            for glue in (_rrset(response.additional, name, dns.rdatatype.A),)
            for address in glue or ()
        ]
        for name in names if not places else ():
            found = await self._resolve(name, dns.rdatatype.A, steps)
            if isinstance(found, Found) and found.names:
                places = [HostPort(ip, self._port) for ip in found.names]
                break
        if not places:
            raise _Unresolved(f"the servers of {name_of(referral.name)} have no address")
        return tuple(places[:MOST_SERVERS])

    async def _ask(
        self, servers: Sequence[HostPort], name: dns.name.Name, kind: dns.rdatatype.RdataType, steps: _Steps
    ) -> dns.message.Message:
        trouble = ""
        for server in servers:
            steps.take()
            query = dns.message.make_query(name, kind, flags=0, use_edns=0, payload=LARGEST_ANSWER)
            try:
                response, _ = await dns.asyncquery.udp_with_fallback(
                    query, server.host, QUERY_SECONDS, server.port
                )
            except (dns.exception.DNSException, OSError, asyncio.IncompleteReadError) as failure:
                trouble = str(failure) or type(failure).__name__
                continue
            if response.rcode() in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):
                return response
            trouble = dns.rcode.to_text(response.rcode())
        raise _Unresolved(f"{servers[0].host} and its like fail: {trouble}")


def _rrset(
    section: Sequence[dns.rrset.RRset], name: dns.name.Name, kind: dns.rdatatype.RdataType
) -> dns.rrset.RRset | None:
    return next((rrset for rrset in section if rrset.name == name and rrset.rdtype == kind), None)


def _referral(
    response: dns.message.Message, zone: dns.name.Name, name: dns.name.Name
) -> dns.rrset.RRset | None:
    """The servers that know more: those of a zone between `zone` and `name`."""
    return next(
        (
            rrset
            for rrset in response.authority
            if rrset.rdtype == dns.rdatatype.NS
            and name.is_subdomain(rrset.name)
            and rrset.name != zone
            and rrset.name.is_subdomain(zone)
        ),
        None,
    )


def _refers_elsewhere(response: dns.message.Message) -> bool:
    kinds = {rrset.rdtype for rrset in response.authority}
    return dns.rdatatype.NS in kinds and dns.rdatatype.SOA not in kinds
