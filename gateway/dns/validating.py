"""A DNS client for resolvers that validate DNSSEC: its answers say whether they are secure.

c-ares does not tell the flag that says so, so these queries go by dnspython. Whoever uses it believes the
resolver, and the way to it.
"""

from __future__ import annotations

from typing import Any

import dns.asyncresolver
import dns.exception
import dns.flags
import dns.name
import dns.nameserver
import dns.resolver

from gateway.dns.client import AresDns, Asking
from gateway.dns.port import Answer, Failed, Found, Kind, NoName
from gateway.dns.rdata import LARGEST_ANSWER, record_of, servers_of


class ValidatingDns(AresDns):
    """As `AresDns`, and `Found.secure` is what the resolver says."""

    def __init__(self, asking: Asking, **more: Any) -> None:
        super().__init__(asking, **more)
        self._resolver = dns.asyncresolver.Resolver(configure=False)
        self._resolver.nameservers = [
            dns.nameserver.Do53Nameserver(*server) for server in servers_of(asking.servers)
        ]
        # AD in a query asks for AD in the answer, without all the signatures (RFC 6840 §5.7).
        self._resolver.flags = dns.flags.RD | dns.flags.AD
        self._resolver.use_edns(0, 0, LARGEST_ANSWER)
        # Longer than that nobody waits for an answer anyway.
        self._resolver.lifetime = asking.timeout + 1

    async def _query(self, name: str, kind: Kind) -> Answer:
        if not name.isascii():
            return NoName()
        try:
            answer = await self._resolver.resolve(name, kind.value, raise_on_no_answer=False, search=False)
        except (dns.resolver.NXDOMAIN, dns.name.EmptyLabel, dns.name.LabelTooLong, dns.name.NameTooLong):
            return NoName()
        except (dns.exception.DNSException, OSError) as failure:
            return Failed(str(failure))
        records = tuple(record_of(record) for record in answer.rrset or ())
        secure = bool(answer.response.flags & dns.flags.AD)
        return Found(records, answer.chaining_result.minimum_ttl if records else 0, secure)
