"""The PROXY protocol: for whom a balancer opened a connection, as it says before anything else.

After HAProxy's specification (proxy-protocol.txt), versions 1 and 2. Strict, because what stands here is
believed: whoever could write it could be anybody.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv4Address, IPv6Address

from gateway.domain.access import Address, client_address

MOST_BYTES = 4096
"""Bytes of a header of version 2, with all that a balancer may add; one of version 1 has up to 107."""

_LONGEST_V1 = 107  # with its CRLF (§2.1)
_V1 = b"PROXY "
_V1_LINE = re.compile(
    r"PROXY (?:UNKNOWN(?: .*)?|(TCP4|TCP6) ([0-9a-fA-F.:]+) ([0-9a-fA-F.:]+) (\d{1,5}) (\d{1,5}))", re.ASCII
)
_PORT = re.compile(r"0|[1-9]\d{0,4}", re.ASCII)

_V2 = b"\r\n\r\n\0\r\nQUIT\n"
_V2_FIXED = 16
_LOCAL, _PROXY = 0x20, 0x21
_UNSPECIFIED = 0x00
_ADDRESSES = {0x11: (IPv4Address, 4), 0x21: (IPv6Address, 16)}  # by family and transport: TCP alone
_PORTS = 4


class MalformedHeader(Exception):
    """These bytes are no PROXY header, and will be none with others behind them."""


@dataclass(frozen=True, slots=True)
class ProxyHeader:
    """What a balancer said."""

    client: Address | None  # None: it speaks for itself, or does not know
    size: int  # bytes of the header: what follows is the client's


def parse_header(received: bytes) -> ProxyHeader | None:
    """The header that `received` begins with; None when more is needed. Raises `MalformedHeader`."""
    if received.startswith(_V2[: len(received)]):
        return _version_2(received)
    if received.startswith(_V1[: len(received)]):
        return _version_1(received)
    raise MalformedHeader("it is no PROXY header")


def _version_1(received: bytes) -> ProxyHeader | None:
    end = received.find(b"\r\n", 0, _LONGEST_V1)
    if end < 0:
        if len(received) >= _LONGEST_V1:
            raise MalformedHeader(f"its line does not end within {_LONGEST_V1} bytes")
        return None
    line = _V1_LINE.fullmatch(received[:end].decode("latin-1"))
    if line is None:
        raise MalformedHeader("its line is none of version 1")
    family, source, destination, *ports = line.groups()
    if family is None:
        return ProxyHeader(None, end + 2)
    if not all(_PORT.fullmatch(port) and int(port) <= 0xFFFF for port in ports):
        raise MalformedHeader("a port is no number from 0 to 65535")
    kind = IPv4Address if family == "TCP4" else IPv6Address
    try:
        client, _ = kind(source), kind(destination)
    except AddressValueError as wrong:
        raise MalformedHeader(f"an address is none of {family}") from wrong
    return ProxyHeader(client_address(str(client)), end + 2)


def _version_2(received: bytes) -> ProxyHeader | None:
    if len(received) < _V2_FIXED:
        return None
    command, family = received[12], received[13]
    size = _V2_FIXED + int.from_bytes(received[14:_V2_FIXED], "big")
    if command not in (_LOCAL, _PROXY):
        raise MalformedHeader("its version or command is not known")
    if size > MOST_BYTES:
        raise MalformedHeader(f"it has more than {MOST_BYTES} bytes")
    # Of a connection of its own, a balancer's addresses are to be ignored, whatever they are (§2.2).
    speaks_for = _ADDRESSES.get(family) if command == _PROXY else None
    if command == _PROXY and family != _UNSPECIFIED and speaks_for is None:
        raise MalformedHeader("it tells of no TCP connection")
    if speaks_for and size < _V2_FIXED + 2 * speaks_for[1] + _PORTS:
        raise MalformedHeader("it is too short for its addresses")
    if len(received) < size:
        return None
    if speaks_for is None:
        return ProxyHeader(None, size)
    kind, length = speaks_for
    return ProxyHeader(client_address(str(kind(received[_V2_FIXED : _V2_FIXED + length]))), size)
