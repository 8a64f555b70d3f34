"""A place on the network to connect to or to listen on: a host and a port."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
from typing import NamedTuple

# Not RFC 1123 to the letter: container networks name hosts with underscores.
_NAME = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(?<!-)(\.(?!-)[A-Za-z0-9_-]{1,63}(?<!-))*\.?")
_WITH_PORT = re.compile(r"(?:\[(?P<literal>[^\[\]]*)\]|(?P<host>[^\[\]:]*)):(?P<port>[0-9]{1,5})")


class HostPort(NamedTuple):
    """A host, by name or address, and a port."""

    host: str  # an IPv6 address stands here without brackets
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class LocalSocket:
    """A socket in the file system."""

    path: str

    def __str__(self) -> str:
        return f"unix:{self.path}"


def parse_host_port(text: str) -> HostPort:
    """Read `host:port`, `192.0.2.1:port` or `[2001:db8::1]:port`. `ValueError` says what is wrong."""
    found = _WITH_PORT.fullmatch(text)
    if found is None:
        raise ValueError(f"'{text}' is not host:port; an IPv6 address is written [address]:port")
    literal = found["literal"]
    host = parse_host(found["host"] if literal is None else literal)
    return HostPort(host, parse_port(found["port"]))


def parse_host(text: str) -> str:
    """Read a host name or an address, IPv6 without brackets. `ValueError` says what is wrong."""
    if is_address(text):
        return str(ip_address(text))
    # A name of digits and dots alone is an address that went wrong, such as 192.0.2.300.
    if len(text) > 253 or not _NAME.fullmatch(text) or text.rstrip(".").rpartition(".")[2].isdecimal():
        raise ValueError(f"'{text}' is neither a host name nor an IP address")
    return text


def parse_port(text: str) -> int:
    """Read a port. `ValueError` says what is wrong."""
    if not (text.isascii() and text.isdecimal() and 1 <= int(text) <= 65535):
        raise ValueError(f"'{text}' is not a port: use 1 to 65535")
    return int(text)


def literal_address(domain: str) -> str | None:
    """The address in `[192.0.2.1]` or `[IPv6:2001:db8::1]`; None if it is neither (RFC 5321 §4.1.3)."""
    if not (domain.startswith("[") and domain.endswith("]")):
        return None
    inner = domain[1:-1]
    address = inner[5:] if inner[:5].lower() == "ipv6:" else inner
    return address if is_address(address) else None


def is_address(text: str) -> bool:
    """Whether `text` is an IP address; one with a zone (`fe80::1%eth0`) is not."""
    try:
        address = ip_address(text)
    except ValueError:
        return False
    return not (isinstance(address, IPv6Address) and address.scope_id)
