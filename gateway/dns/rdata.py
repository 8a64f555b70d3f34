"""What dnspython reads, as the values of our port."""

from __future__ import annotations

from collections.abc import Sequence

import dns.name
import dns.rdata
import dns.resolver
from dns.rdtypes.ANY.CNAME import CNAME
from dns.rdtypes.ANY.MX import MX
from dns.rdtypes.ANY.PTR import PTR
from dns.rdtypes.ANY.TLSA import TLSA
from dns.rdtypes.ANY.TXT import TXT
from dns.rdtypes.IN.A import A
from dns.rdtypes.IN.AAAA import AAAA

from gateway.dns.port import MailExchange, Record, Tlsa
from gateway.domain.endpoint import HostPort, is_address, parse_host_port

DNS_PORT = 53
LARGEST_ANSWER = 1232
"""Bytes of an answer by UDP, which no network has to break into pieces; longer ones come by TCP."""


def servers_of(configured: Sequence[str]) -> tuple[HostPort, ...]:
    """The servers that are configured, or else those of the system, as its resolver finds them."""
    try:
        return tuple(map(_server_of, configured or map(str, dns.resolver.Resolver().nameservers)))
    except dns.resolver.NoResolverConfiguration:
        return (HostPort("127.0.0.1", DNS_PORT),)  # resolv.conf(5)


def record_of(record: dns.rdata.Rdata) -> Record:
    """One record of a kind that is asked for."""
    match record:
        case A() | AAAA():
            return str(record.address)
        case MX():
            return MailExchange(record.preference, name_of(record.exchange))
        case TXT():
            return b"".join(record.strings)
        case CNAME() | PTR():
            return name_of(record.target)
        case TLSA():
            return Tlsa(record.usage, record.selector, record.mtype, record.cert)
    raise TypeError(f"no record that was asked for: {record!r}")


def name_of(name: dns.name.Name) -> str:
    """A name in lower case without the last dot."""
    return name.to_text(omit_final_dot=True).lower().rstrip(".")


def _server_of(text: str) -> HostPort:
    """A server as it is configured: `ip`, `ip:port` or `[ipv6]:port`."""
    return HostPort(text, DNS_PORT) if is_address(text) else parse_host_port(text)
