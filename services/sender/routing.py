"""Where mail goes: the routing table, and what MX records say."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from gateway.dns.port import MailExchange
from gateway.domain.address import domain_of, matches
from gateway.domain.endpoint import is_address
from gateway.domain.mail import Recipient
from gateway.domain.routes import SMTP_PORT, Route


@dataclass(frozen=True, slots=True)
class Destination:
    """What recipients have in common whose mail goes the same way."""

    host: str  # a domain when `by_mx`, else a host name or an address
    port: int = SMTP_PORT
    by_mx: bool = False


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


def group_by_destination(
    recipients: Iterable[Recipient], routes: Sequence[Route]
) -> Mapping[Destination | None, tuple[Recipient, ...]]:
    """The recipients of each destination, in order. None: those whose address names no destination."""
    groups: dict[Destination | None, list[Recipient]] = {}
    for to in recipients:
        groups.setdefault(destination_of(to.address, routes), []).append(to)
    return {destination: tuple(members) for destination, members in groups.items()}


def destination_of(address: str, routes: Sequence[Route]) -> Destination | None:
    """Where mail to `address` goes: by the first route that matches, else to the MX hosts of its domain."""
    for route in routes:
        if matches(route.mask, address):
            host = route.host.lower()
            return Destination(host, route.port, route.by_mx)

    domain = domain_of(address)
    if domain.startswith("[") and domain.endswith("]"):
        literal = domain[1:-1].removeprefix("ipv6:")  # RFC 5321 §4.1.3
        return Destination(literal) if is_address(literal) else None
    return Destination(domain, by_mx=True) if domain else None


def exchanges_to_try(
    records: Sequence[MailExchange], domain: str, own_name: str, shuffle: Callable[[list[MailExchange]], None]
) -> tuple[str, ...]:
    """The names of the hosts to try, the best first; equal ones in the order that `shuffle` gives them.

    A domain without records is its own host (RFC 5321 §5.1). Raises `Unroutable` when the domain takes no
    mail, or when the mail would come back to us.
    """
    if not records:
        return _not_ourselves(domain, own_name)
    if all(not record.host for record in records):
        raise Unroutable("5.1.10", f"{domain} does not take mail (null MX)")

    # Only hosts that are better than ourselves bring the mail nearer to its goal.
    ours = min((record.preference for record in records if _same(record.host, own_name)), default=None)
    better = [record for record in records if record.host and (ours is None or record.preference < ours)]
    if not better:
        raise Unroutable("5.4.6", f"mail for {domain} loops back to this host")
    shuffle(better)
    return tuple(record.host for record in sorted(better, key=lambda record: record.preference))


def _not_ourselves(domain: str, own_name: str) -> tuple[str, ...]:
    if _same(domain, own_name):
        raise Unroutable("5.4.6", f"mail for {domain} loops back to this host")
    return (domain,)


def _same(name: str, other: str) -> bool:
    return name.rstrip(".").lower() == other.rstrip(".").lower()
