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
import dns.rdata
import dns.resolver
from dns.rdtypes.ANY.CNAME import CNAME
from dns.rdtypes.ANY.MX import MX
from dns.rdtypes.ANY.PTR import PTR
from dns.rdtypes.ANY.TLSA import TLSA
from dns.rdtypes.ANY.TXT import TXT
from dns.rdtypes.IN.A import A
from dns.rdtypes.IN.AAAA import AAAA

from gateway.dns.client import AresDns, Asking
from gateway.dns.port import Answer, Failed, Found, Kind, MailExchange, NoName, Record, Tlsa
from gateway.domain.endpoint import HostPort, is_address, parse_host_port

LARGEST_ANSWER = 1232
"""Bytes of an answer by UDP, which no network has to break into pieces; longer ones come by TCP."""
DNS_PORT = 53


class ValidatingDns(AresDns):
    """As `AresDns`, and `Found.secure` is what the resolver says."""

    def __init__(self, asking: Asking, **more: Any) -> None:
        super().__init__(asking, **more)
        self._resolver = dns.asyncresolver.Resolver(configure=not asking.servers)
        if asking.servers:
            self._resolver.nameservers = [_server(server) for server in asking.servers]
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
        records = tuple(_record(record) for record in answer.rrset or ())
        secure = bool(answer.response.flags & dns.flags.AD)
        return Found(records, answer.chaining_result.minimum_ttl if records else 0, secure)


def _server(text: str) -> dns.nameserver.Nameserver:
    place = HostPort(text, DNS_PORT) if is_address(text) else parse_host_port(text)
    return dns.nameserver.Do53Nameserver(place.host, place.port)


def _record(record: dns.rdata.Rdata) -> Record:
    match record:
        case A() | AAAA():
            return str(record.address)
        case MX():
            return MailExchange(record.preference, _name(record.exchange))
        case TXT():
            return b"".join(record.strings)
        case CNAME() | PTR():
            return _name(record.target)
        case TLSA():
            return Tlsa(record.usage, record.selector, record.mtype, record.cert)
    raise TypeError(f"no record that was asked for: {record!r}")


def _name(name: dns.name.Name) -> str:
    return name.to_text(omit_final_dot=True).lower().rstrip(".")
