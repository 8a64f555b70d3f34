"""DNS that answers from what it was told, for tests that ask it without a network."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from gateway.dns.port import Answer, Failed, Found, Kind, MailExchange, NoName, Record, Tlsa
from tests.support.dns import Zone

TTL = 60.0
"""Seconds that all answers are valid."""


class ZoneDns:
    """Knows the records of a zone, written as for `tests.support.dns`; `name FAIL` and `name SILENT` fail.

    Beyond that, `name SECURE` says that what the name has is validated.
    """

    def __init__(self, zone: Zone) -> None:
        self.records = {key.lower(): list(values) for key, values in zone.items()}
        self.asked: Counter[str] = Counter()

    async def ask(self, name: str, kind: Kind) -> Answer:
        """The records of that kind that the name has, aliases followed."""
        name = name.lower().rstrip(".")
        self.asked[f"{name} {kind}"] += 1
        for _ in range(8):
            alias = self.records.get(f"{name} cname")
            if alias is None or kind is Kind.CNAME:
                return self._answer(name, kind)
            name = alias[0].lower().rstrip(".")
        return Failed("aliases in a circle")

    async def host(self, name: str) -> Answer:
        """The addresses of a host."""
        return await self.ask(name, Kind.A)

    async def close(self) -> None:
        """Nothing is held."""

    def _answer(self, name: str, kind: Kind) -> Answer:
        if f"{name} fail" in self.records or f"{name} silent" in self.records:
            return Failed("the server failed")
        if not any(key.partition(" ")[0] == name for key in self.records):
            return NoName()
        values: Sequence[str] = self.records.get(f"{name} {kind.lower()}", ())
        records = tuple(_record(kind, value) for value in values)
        return Found(records, TTL if values else 0, secure=f"{name} secure" in self.records)


def _record(kind: Kind, value: str) -> Record:
    match kind:
        case Kind.TXT:
            return value.encode()
        case Kind.MX:
            preference, _, host = value.partition(" ")
            return MailExchange(int(preference), host.rstrip(".").lower())
        case Kind.A | Kind.AAAA:
            return value
        case Kind.TLSA:
            usage, selector, matching, association = value.split()
            return Tlsa(int(usage), int(selector), int(matching), bytes.fromhex(association))
        case Kind.CNAME | Kind.PTR:
            return value.rstrip(".").lower()
