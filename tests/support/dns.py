"""A DNS server on loopback that knows what it was told, and counts who asked for what."""

from __future__ import annotations

import asyncio
import struct
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from ipaddress import ip_address
from typing import cast

Zone = Mapping[str, Sequence[str]]
"""Records by `name TYPE`: `{"a.example MX": ["10 mx.example"], "mx.example A": ["192.0.2.1"]}`.

A name that has records of no kind does not exist. `name FAIL` fails, `name SILENT` is never answered, and
what `name SECURE` has is said to be validated, to those who ask for that. `name DELEGATED` refers to the
servers of that name and of all below it, each with its address if one follows: `ns.example 127.0.0.2`.
"""

_TYPES = {1: "A", 2: "NS", 5: "CNAME", 12: "PTR", 15: "MX", 16: "TXT", 28: "AAAA", 52: "TLSA"}
_NUMBERS = {name: number for number, name in _TYPES.items()}
_AD = 0x0020
_NO_ERROR, _SERVER_FAILED, _NO_SUCH_NAME = 0, 2, 3


class DnsServer(asyncio.DatagramProtocol):
    """Answers by UDP. Records may be changed while it runs."""

    def __init__(self, zone: Zone, ttl: int) -> None:
        self.records = {key.lower(): list(values) for key, values in zone.items()}
        self.asked: Counter[str] = Counter()
        self._ttl = ttl
        self._transport: asyncio.DatagramTransport

    @property
    def address(self) -> str:
        """`127.0.0.1:port`, as a name server is configured."""
        host, port = self._transport.get_extra_info("sockname")
        return f"{host}:{port}"

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It listens."""
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, query: bytes, client: tuple[str, int]) -> None:
        """Somebody asks."""
        name, end = _read_name(query, 12)
        kind = _TYPES.get(int.from_bytes(query[end : end + 2]), "?")
        self.asked[f"{name} {kind}"] += 1
        if f"{name} silent" in self.records:
            return
        if delegation := self._delegation(name):
            self._transport.sendto(self._referral(query[:2], query[12 : end + 4], *delegation), client)
            return
        code, answers = self._answer(name, kind)
        validated = int.from_bytes(query[2:4]) & _AD if f"{name} secure" in self.records else 0
        header = query[:2] + struct.pack("!HHHHH", 0x8180 | validated | code, 1, len(answers), 0, 0)
        self._transport.sendto(header + query[12 : end + 4] + b"".join(answers), client)

    def _delegation(self, name: str) -> tuple[str, list[str]] | None:
        labels = name.split(".")
        zones = (".".join(labels[start:]) for start in range(len(labels)))
        return next(
            ((zone, self.records[key]) for zone in zones if (key := f"{zone} delegated") in self.records),
            None,
        )

    def _referral(self, number: bytes, question: bytes, zone: str, servers: Sequence[str]) -> bytes:
        names = [server.partition(" ")[0] for server in servers]
        glue = [server.split(" ") for server in servers if " " in server]
        header = number + struct.pack("!HHHHH", 0x8000, 1, 0, len(names), len(glue))
        authority = b"".join(self._record(zone, "NS", name) for name in names)
        return header + question + authority + b"".join(self._record(name, "A", ip) for name, ip in glue)

    def _answer(self, name: str, kind: str) -> tuple[int, list[bytes]]:
        if f"{name} fail" in self.records:
            return _SERVER_FAILED, []
        if alias := self.records.get(f"{name} cname"):
            code, answers = self._answer(alias[0].lower(), kind)
            return code, [self._record(name, "CNAME", alias[0]), *answers]
        if not any(key.partition(" ")[0] == name for key in self.records):
            return _NO_SUCH_NAME, []
        values = self.records.get(f"{name} {kind.lower()}", [])
        return _NO_ERROR, [self._record(name, kind, value) for value in values]

    def _record(self, name: str, kind: str, value: str) -> bytes:
        content = _content(kind, value)
        return _name(name) + struct.pack("!HHIH", _NUMBERS[kind], 1, self._ttl, len(content)) + content


@asynccontextmanager
async def dns_server(
    zone: Zone, *, ttl: int = 60, host: str = "127.0.0.1", port: int = 0
) -> AsyncIterator[DnsServer]:
    """A server for `zone`, whose records live for `ttl` seconds, on a free port or on `port`."""
    loop = asyncio.get_running_loop()
    transport, server = await loop.create_datagram_endpoint(
        lambda: DnsServer(zone, ttl), local_addr=(host, port)
    )
    try:
        yield server
    finally:
        transport.close()


def _content(kind: str, value: str) -> bytes:
    match kind:
        case "A" | "AAAA":
            return ip_address(value).packed
        case "MX":
            preference, _, host = value.partition(" ")
            return struct.pack("!H", int(preference)) + _name(host)
        case "TLSA":
            usage, selector, matching, association = value.split()
            return bytes([int(usage), int(selector), int(matching)]) + bytes.fromhex(association)
        case "CNAME" | "NS" | "PTR":
            return _name(value)
        case _:
            text = value.encode()
            strings = [text[at : at + 255] for at in range(0, len(text), 255)] or [b""]
            return b"".join(bytes([len(string)]) + string for string in strings)


def _name(name: str) -> bytes:
    labels = [label.encode("ascii") for label in name.rstrip(".").split(".") if label]
    return b"".join(bytes([len(label)]) + label for label in labels) + b"\0"


def _read_name(query: bytes, at: int) -> tuple[str, int]:
    labels = []
    while length := query[at]:
        labels.append(query[at + 1 : at + 1 + length].decode("ascii").lower())
        at += 1 + length
    return ".".join(labels), at + 1
