"""What the gateway asks of DNS. An answer is always a value: that nobody knows is one, too."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


class Kind(StrEnum):
    """The types of records that are asked for (RFC 1035 §3.2.2, RFC 3596)."""

    A = "A"
    AAAA = "AAAA"
    CNAME = "CNAME"
    MX = "MX"
    PTR = "PTR"
    TLSA = "TLSA"  # RFC 6698
    TXT = "TXT"


@dataclass(frozen=True, slots=True)
class MailExchange:
    """One MX record (RFC 5321 §5.1)."""

    preference: int
    host: str  # lower case, without the last dot; "" is the root: no mail is taken (RFC 7505)


@dataclass(frozen=True, slots=True)
class Tlsa:
    """One TLSA record: which certificate is right (RFC 6698 §2.1)."""

    usage: int
    selector: int
    matching: int
    association: bytes


Record = str | bytes | MailExchange | Tlsa
"""An address or a name as text, names in lower case without the last dot; the bytes of a TXT record."""


@dataclass(frozen=True, slots=True)
class Found:
    """The records of a name. None of them: the name exists without such records."""

    records: tuple[Record, ...] = ()
    ttl: float = 0.0  # seconds that the answer is valid
    secure: bool = False  # validated by DNSSEC; only a client that can know it says so

    @property
    def names(self) -> tuple[str, ...]:
        """Those that are addresses or names."""
        return tuple(record for record in self.records if isinstance(record, str))

    @property
    def texts(self) -> tuple[bytes, ...]:
        """Those that are texts, the strings of each joined."""
        return tuple(record for record in self.records if isinstance(record, bytes))

    @property
    def exchanges(self) -> tuple[MailExchange, ...]:
        """Those that are mail exchanges, in the order of the answer."""
        return tuple(record for record in self.records if isinstance(record, MailExchange))

    @property
    def tlsa(self) -> tuple[Tlsa, ...]:
        """Those that say which certificate is right."""
        return tuple(record for record in self.records if isinstance(record, Tlsa))


@dataclass(frozen=True, slots=True)
class NoName:
    """There is no such name."""


@dataclass(frozen=True, slots=True)
class Failed:
    """Nobody knows now."""

    reason: str


Answer = Found | NoName | Failed


class Dns(Protocol):
    """Asks DNS. Nothing is raised: what went wrong is an answer."""

    async def ask(self, name: str, kind: Kind) -> Answer:
        """The records of that kind that the name has, aliases followed."""

    async def host(self, name: str) -> Answer:
        """The addresses of a host of our own site, as its machines find them: by /etc/hosts, too."""

    async def close(self) -> None:
        """Ask nothing more."""


async def ask_together(dns: Dns, names: Sequence[str], kind: Kind) -> Sequence[Answer]:
    """The answers about several names, in their order."""
    if len(names) == 1:  # the usual case needs no tasks
        return [await dns.ask(names[0], kind)]
    return await asyncio.gather(*(dns.ask(name, kind) for name in names))


async def addresses(dns: Dns, name: str) -> Answer:
    """The addresses of a name, IPv4 before IPv6. `Failed` only if none was found and one is unknown."""
    both = await asyncio.gather(dns.ask(name, Kind.A), dns.ask(name, Kind.AAAA))
    found = [answer for answer in both if isinstance(answer, Found) and answer.records]
    if found:
        records = tuple(record for answer in found for record in answer.records)
        secure = all(answer.secure for answer in found)
        return Found(records, min(answer.ttl for answer in found), secure)
    return next((answer for answer in both if isinstance(answer, Failed)), both[0])
