"""Where mail goes: the routing table, and what MX records say."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from gateway.dns.names import query_name
from gateway.dns.port import MailExchange
from gateway.domain.address import domain_of
from gateway.domain.endpoint import is_address
from gateway.domain.firstmatch import MaskIndex, in_order
from gateway.domain.mail import Recipient
from gateway.domain.routes import SMTP_PORT, SOCKET, Route


@dataclass(frozen=True, slots=True)
class Destination:
    """What recipients have in common whose mail goes the same way."""

    host: str  # a domain when `by_mx`, else a host name, an address or `unix:/path`
    port: int = SMTP_PORT
    by_mx: bool = False
    lmtp: bool = False


class Unroutable(Exception):
    """There is no way to a destination: `permanent` never, otherwise not now."""

    def __init__(self, enhanced: str, reason: str) -> None:
        super().__init__(reason)
        self.enhanced = enhanced
        self.reason = reason

    @property
    def permanent(self) -> bool:
        """Whether trying again is of no use."""
        return self.enhanced.startswith("5")


class RoutingTable:
    """Routes in their order; `file:` can name tens of thousands of them."""

    def __init__(self, routes: Sequence[Route]) -> None:
        self._destinations = [_destination_of(route) for route in routes]
        self._index = MaskIndex((number, route.mask) for number, route in enumerate(routes))

    def destination_of(self, address: str) -> Destination | None:
        """Where mail to `address` goes: by the first route that matches, else by the MX of its domain."""
        domain = domain_of(address)
        in_ascii = domain if domain.isascii() else query_name(domain) or ""
        runs = self._index.naming(address)
        if in_ascii != domain:
            runs += self._index.naming(f"{address.rpartition('@')[0]}@{in_ascii}")
        first = next(in_order(runs), None)
        if first is not None:
            return self._destinations[first]

        if domain.startswith("[") and domain.endswith("]"):
            literal = domain[1:-1].removeprefix("ipv6:")  # RFC 5321 §4.1.3
            return Destination(literal) if is_address(literal) else None
        return Destination(in_ascii, by_mx=True) if in_ascii else None

    def by_destination(
        self, recipients: Iterable[Recipient]
    ) -> Mapping[Destination | None, tuple[Recipient, ...]]:
        """The recipients of each destination, in order. None: those whose address names no destination."""
        groups: dict[Destination | None, list[Recipient]] = {}
        for to in recipients:
            groups.setdefault(self.destination_of(to.address), []).append(to)
        return {destination: tuple(members) for destination, members in groups.items()}


def _destination_of(route: Route) -> Destination:
    host = route.host if route.host.startswith(SOCKET) else route.host.lower()
    return Destination(host, route.port, route.by_mx, route.lmtp)


def exchanges_to_try(
    records: Sequence[MailExchange],
    domain: str,
    own_name: str,
    shuffle: Callable[[list[MailExchange]], None],
) -> tuple[MailExchange, ...]:
    """The hosts to try, the best first; equal ones in the order that `shuffle` gives them.

    A domain without records is its own host (RFC 5321 §5.1). Raises `Unroutable` when the domain takes no
    mail, or when the mail would come back to us.
    """
    if records and all(not record.host for record in records):
        raise Unroutable("5.1.10", f"{domain} does not take mail (null MX)")
    named = [record for record in records if record.host] or [MailExchange(0, domain)]

    shuffle(named)
    in_order = sorted(named, key=lambda record: record.preference)
    return before_ourselves(in_order, domain, lambda record: _same(record.host, own_name))


def before_ourselves(
    exchanges: Sequence[MailExchange], domain: str, is_ours: Callable[[MailExchange], bool]
) -> tuple[MailExchange, ...]:
    """Those of `exchanges`, the best first, that bring the mail nearer to its goal than we are.

    Raises `Unroutable` when there are none.
    """
    ours = min((exchange.preference for exchange in exchanges if is_ours(exchange)), default=None)
    better = tuple(exchange for exchange in exchanges if ours is None or exchange.preference < ours)
    if not better:
        raise Unroutable("5.4.6", f"mail for {domain} loops back to this host")
    return better


def _same(name: str, other: str) -> bool:
    return name.rstrip(".").lower() == other.rstrip(".").lower()
